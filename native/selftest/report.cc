#include "selftest/report.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <memory>

#include "cuda/path.h"

namespace vlltr {
namespace {

struct Checked {
  const char* name;
  void (*check)(Selftest&);
  void (*time)(Selftest&);
  bool paths = false;  // there are kernels for some cards beside those for all
};

constexpr Checked kOps[] = {
    {"adamw", checkAdamw, timeAdamw},
    {"anchor-attention", checkAnchorAttention, timeAnchorAttention},
    {"contrastive", checkContrastive, timeContrastive, true},
    {"hosted", checkHosted, timeHosted},
    {"product", checkProduct, timeProduct},
};

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    char code[8];
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < 0x20) {
      std::snprintf(code, sizeof code, "\\u%04x", c);
      out += code;
    } else {
      out += c;
    }
  }
  return out + '"';
}

/** A number as JSON has it: what is not finite is null. */
std::string number(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.9g", value);
  return value - value == 0 ? text : "null";
}

template <class List, class Write>
std::string listed(const List& list, Write write) {
  std::string out = "[";
  for (const auto& each : list) out += (out.size() > 1 ? ", " : "") + write(each);
  return out + "]";
}

std::string jsonOf(const SelftestTiming& t) {
  return "{\"op\": " + quoted(t.op) + ", \"size\": " + quoted(t.size) +
         ", \"precision\": " + quoted(t.precision) + ", \"milliseconds\": " + number(t.milliseconds) +
         ", \"flops\": " + number(t.flops) + ", \"bytes\": " + number(t.bytes) +
         ", \"workspace\": " + std::to_string(t.workspace) + "}";
}

std::string jsonOf(const SelftestReport::Op& op) {
  return "{\"name\": " + quoted(op.name) + ", \"passed\": " + std::to_string(op.passed) +
         ", \"failed\": " + std::to_string(op.failed) + ", \"seconds\": " + number(op.seconds) +
         ", \"failures\": " + listed(op.failures, quoted) +
         ", \"timings\": " + listed(op.timings, [](const SelftestTiming& t) { return jsonOf(t); }) + "}";
}

void run(Selftest& test, const Checked& checked, bool bench) {
  const int failed = test.failed();
  checked.check(test);
  if (bench && test.failed() == failed) checked.time(test);
}

SelftestReport::Op runOp(Device& device, const Checked& checked, const SelftestOptions& options,
                         const Selftest::Say& say) {
  SelftestReport::Op op;
  op.name = checked.name;
  const auto start = std::chrono::steady_clock::now();
  const auto hear = [&](const std::string& line) {
    if (line.starts_with("FAILED")) op.failures.push_back(line.substr(line.find_first_not_of(' ', 6)));
    if (options.verbose || !line.starts_with("  ok")) say(line);
  };
  Selftest test(device, options.seed, options.small, hear);
  try {
    run(test, checked, options.bench);
    if (checked.paths && cuda::takesHopper(device)) {
      const cuda::Path before = cuda::path();
      cuda::setPath(cuda::Path::kMma);
      test.qualify(", mma.sync");
      run(test, checked, options.bench);
      cuda::setPath(before);
    }
  } catch (const std::exception& error) {
    static_cast<void>(test.ok(op.name, Status(Code::kResourceExhausted, error.what())));
  }
  static_cast<void>(test.ok(op.name + ", the device afterwards", device.synchronize()));
  op.passed = test.passed(), op.failed = test.failed(), op.timings = test.timings();
  op.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return op;
}

}  // namespace

bool SelftestReport::ok() const {
  return std::none_of(ops.begin(), ops.end(), [](const Op& op) { return op.failed > 0; });
}

std::string SelftestReport::json() const {
  return "{\"ok\": " + std::string(ok() ? "true" : "false") + ", \"seed\": " + std::to_string(seed) +
         ", \"card\": {\"name\": " + quoted(card.name) +
         ", \"capability\": " + quoted(std::to_string(card.major) + "." + std::to_string(card.minor)) +
         ", \"multiprocessors\": " + std::to_string(card.multiprocessors) +
         ", \"memory\": " + std::to_string(card.memory) +
         ", \"driver\": " + quoted(cudaVersion(card.driver)) +
         ", \"runtime\": " + quoted(cudaVersion(card.runtime)) +
         "}, \"ops\": " + listed(ops, [](const Op& op) { return jsonOf(op); }) + "}";
}

std::vector<std::string> selftestOps() {
  std::vector<std::string> names;
  for (const Checked& each : kOps) names.emplace_back(each.name);
  return names;
}

Status runSelftest(const SelftestOptions& options, const Selftest::Say& say, SelftestReport* report) {
  const std::vector<std::string> known = selftestOps();
  for (const std::string& op : options.ops) {
    if (std::find(known.begin(), known.end(), op) != known.end()) continue;
    std::string expected;
    for (const std::string& name : known) expected += (expected.empty() ? "" : ", ") + name;
    return invalidArgument("the self-test knows no op \"" + op + "\", expected one of: " + expected);
  }
  std::shared_ptr<Device> device;
  VLLTR_RETURN_IF_ERROR(Device::open(options.device, &device));
  report->card = device->card(), report->seed = options.seed;
  const Card& card = device->card();
  say("device " + std::to_string(card.ordinal) + ": " + card.name + ", compute capability " +
      std::to_string(card.major) + "." + std::to_string(card.minor) + ", " +
      std::to_string(card.multiprocessors) + " multiprocessors, " + std::to_string(card.memory >> 20) +
      " MiB; driver for CUDA " + cudaVersion(card.driver) + ", built with " + cudaVersion(card.runtime) +
      "; seed " + std::to_string(options.seed));
  for (const Checked& checked : kOps) {
    const auto& wanted = options.ops;
    if (!wanted.empty() && std::find(wanted.begin(), wanted.end(), checked.name) == wanted.end()) continue;
    SelftestReport::Op op = runOp(*device, checked, options, say);
    char seconds[32];
    std::snprintf(seconds, sizeof seconds, " (%.1f s)", op.seconds);
    say(op.name + ": " + std::to_string(op.passed) + " checks hold, " + std::to_string(op.failed) + " fail" +
        seconds);
    report->ops.push_back(std::move(op));
    // What an illegal access leaves behind fails every later call: they would tell nothing.
    if (!device->synchronize().ok()) {
      say("the device is lost to this process: the other ops are not checked");
      break;
    }
  }
  return Status();
}

std::string cudaVersion(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

}  // namespace vlltr
