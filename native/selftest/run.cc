#include "selftest/run.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>

namespace vlltr {
namespace {

SelftestReport::Op runOp(Target& target, const SelftestOp& what, const SelftestOptions& options,
                         const Selftest::Say& say) {
  SelftestReport::Op op;
  op.name = what.name;
  const auto start = std::chrono::steady_clock::now();
  const auto hear = [&](const std::string& line) {
    if (line.starts_with("FAILED")) op.failures.push_back(line.substr(line.find_first_not_of(' ', 6)));
    if (options.verbose || !line.starts_with("  ok")) say(line);
  };
  Selftest test(target, options.seed, options.small, hear);
  try {
    what.run(test);
  } catch (const std::exception& error) {
    static_cast<void>(test.ok(op.name, Status(Code::kResourceExhausted, error.what())));
  }
  static_cast<void>(test.ok(op.name + ", the device afterwards", target.synchronize()));
  op.passed = test.passed(), op.failed = test.failed(), op.timings = test.timings();
  op.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return op;
}

}  // namespace

Status runOps(Target& target, const std::vector<SelftestOp>& ops, const SelftestOptions& options,
              const Selftest::Say& say, SelftestReport* report) {
  for (const std::string& wanted : options.ops) {
    std::string expected;
    for (const SelftestOp& op : ops) expected += (expected.empty() ? "" : ", ") + std::string(op.name);
    if (std::none_of(ops.begin(), ops.end(), [&](const SelftestOp& op) { return op.name == wanted; })) {
      return invalidArgument("the self-test knows no op \"" + wanted + "\", expected one of: " + expected);
    }
  }
  report->seed = options.seed;
  for (const SelftestOp& each : ops) {
    const auto& wanted = options.ops;
    if (!wanted.empty() && std::find(wanted.begin(), wanted.end(), each.name) == wanted.end()) continue;
    SelftestReport::Op op = runOp(target, each, options, say);
    char seconds[32];
    std::snprintf(seconds, sizeof seconds, " (%.1f s)", op.seconds);
    say(op.name + ": " + std::to_string(op.passed) + " checks hold, " + std::to_string(op.failed) + " fail" +
        seconds);
    report->ops.push_back(std::move(op));
    // What an illegal access leaves behind fails every later call: they would tell nothing.
    if (!target.synchronize().ok()) {
      say("the device is lost to this process: the other ops are not checked");
      break;
    }
  }
  return Status();
}

}  // namespace vlltr
