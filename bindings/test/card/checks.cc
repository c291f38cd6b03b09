#include "card/checks.h"

#include <cmath>

#include "check.h"
#include "streams.h"

namespace vlltr::tensorflow {

void near(const std::string& what, const Floats& got, const Floats& expected, double tolerance,
          double least) {
  double largest = 0;
  for (const float value : expected) {
    if (std::isfinite(value)) largest = std::max(largest, std::abs(double{value}));
  }
  const double allowed = tolerance * largest + least;
  if (got.size() != expected.size()) {
    std::fprintf(stderr, "%s: %zu values, expected %zu\n", what.c_str(), got.size(), expected.size());
    std::exit(1);
  }
  for (size_t i = 0; i < got.size(); ++i) {
    if (std::isinf(expected[i]) && got[i] == expected[i]) continue;
    if (std::abs(double{got[i]} - double{expected[i]}) <= allowed) continue;  // false for NaN
    std::fprintf(stderr, "%s[%zu]: %.9g, expected %.9g (within %.2g)\n", what.c_str(), i, double{got[i]},
                 double{expected[i]}, allowed);
    std::exit(1);
  }
}

void settled() { CHECK(emulator::pending() == 0); }

void refused(const Status& status, const char* word) {
  CHECK(!status.ok());
  if (status.message().find(word) != std::string::npos) return;
  std::fprintf(stderr, "\"%s\" does not say \"%s\"\n", status.message().c_str(), word);
  std::exit(1);
}

}  // namespace vlltr::tensorflow
