#include "selftest/selftest.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

namespace vlltr {

uint64_t Selftest::seed() {
  state_ ^= state_ >> 12, state_ ^= state_ << 25, state_ ^= state_ >> 27;
  return (state_ * 2685821657736338717ull) | 1;
}

void Selftest::expect(const std::string& what, double error, double allowed) {
  const bool good = error <= allowed;
  good ? ++passed_ : ++failed_;
  char numbers[80];
  std::snprintf(numbers, sizeof numbers, ": error %.2e, allowed %.2e", error, allowed);
  say_((good ? "  ok    " : "FAILED  ") + what + qualifier_ + numbers);
}

bool Selftest::ok(const std::string& what, const Status& status) {
  if (status.ok()) return true;
  ++failed_;
  say_("FAILED  " + what + qualifier_ + ": " + status.message());
  return false;
}

void Selftest::refused(const std::string& what, const Status& status, Code code) {
  const bool good = status.code() == code;
  good ? ++passed_ : ++failed_;
  say_((good ? "  ok    " : "FAILED  ") + what + qualifier_ + ": " +
       (status.ok() ? "was not refused" : status.message()));
}

void Selftest::timing(SelftestTiming timing) {
  timing.op += qualifier_;
  char line[240];
  const double seconds = timing.milliseconds / 1e3;
  std::snprintf(line, sizeof line,
                "  %-26s %-18s %-5s %9.3f ms  %7.1f TFLOP/s  %7.1f GB/s  workspace %.1f MiB",
                timing.op.c_str(), timing.size.c_str(), timing.precision.c_str(), timing.milliseconds,
                timing.flops / seconds / 1e12, timing.bytes / seconds / 1e9,
                static_cast<double>(timing.workspace) / (1 << 20));
  say_(line);
  timings_.push_back(std::move(timing));
}

double Selftest::median(int repeats, const std::function<Status()>& call) {
  std::vector<float> times;
  for (int i = -2; i < repeats; ++i) {
    float milliseconds = std::numeric_limits<float>::quiet_NaN();
    Status status = device().mark(0);
    if (status.ok()) status = call();
    if (status.ok()) status = device().mark(1);
    if (status.ok()) status = device().elapsed(&milliseconds);
    if (status.ok()) status = device().synchronize();
    if (!ok("a timed call", status)) return std::numeric_limits<double>::quiet_NaN();
    if (i >= 0) times.push_back(milliseconds);
  }
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

double relativeError(std::span<const float> a, std::span<const double> b) {
  double most = 0, largest = 0;
  for (size_t i = 0; i < b.size(); ++i) {
    const double error = std::abs(static_cast<double>(a[i]) - b[i]);
    if (!(error <= std::numeric_limits<double>::max())) return std::numeric_limits<double>::infinity();
    most = std::max(most, error);
    largest = std::max(largest, std::abs(b[i]));
  }
  return largest == 0 ? most : most / largest;
}

}  // namespace vlltr
