#include <memory>

#include "cuda/path.h"
#include "selftest/card_target.h"
#include "selftest/run.h"

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

void runOnce(Selftest& test, const Checked& checked, bool bench) {
  const int failed = test.failed();
  checked.check(test);
  if (bench && test.failed() == failed) checked.time(test);
}

void run(Selftest& test, const Checked& checked, bool bench) {
  runOnce(test, checked, bench);
  if (!checked.paths || !cuda::takesHopper(test.device())) return;
  const cuda::Path before = cuda::path();
  cuda::setPath(cuda::Path::kMma);
  test.qualify(", mma.sync");
  runOnce(test, checked, bench);
  cuda::setPath(before);
}

std::vector<SelftestOp> ops(bool bench) {
  std::vector<SelftestOp> made;
  for (const Checked& checked : kOps) {
    made.push_back({checked.name, [&checked, bench](Selftest& test) { run(test, checked, bench); }});
  }
  return made;
}

}  // namespace

std::vector<std::string> selftestOps() {
  std::vector<std::string> names;
  for (const Checked& each : kOps) names.emplace_back(each.name);
  return names;
}

Status runSelftest(const SelftestOptions& options, const Selftest::Say& say, SelftestReport* report) {
  std::shared_ptr<Device> device;
  VLLTR_RETURN_IF_ERROR(Device::open(options.device, &device));
  report->card = device->card();
  const Card& card = device->card();
  say("device " + std::to_string(card.ordinal) + ": " + card.name + ", compute capability " +
      std::to_string(card.major) + "." + std::to_string(card.minor) + ", " +
      std::to_string(card.multiprocessors) + " multiprocessors, " + std::to_string(card.memory >> 20) +
      " MiB; driver for CUDA " + cudaVersion(card.driver) + ", built with " + cudaVersion(card.runtime) +
      "; seed " + std::to_string(options.seed));
  CardTarget target(*device);
  return runOps(target, ops(options.bench), options, say, report);
}

}  // namespace vlltr
