#include "selftest/cpu_target.h"
#include "selftest/run.h"
#include "vlltr/isa.h"
#include "vlltr/thread_pool.h"

namespace vlltr {
namespace {

const std::vector<SelftestOp>& ops() {
  static const std::vector<SelftestOp> all = {
      {"adamw", checkAdamw}, {"anchor-attention", checkAnchorAttention}, {"contrastive", checkContrastive}};
  return all;
}

}  // namespace

std::vector<std::string> cpuSelftestOps() {
  std::vector<std::string> names;
  for (const SelftestOp& op : ops()) names.emplace_back(op.name);
  return names;
}

Status runCpuSelftest(const SelftestOptions& given, const Selftest::Say& say, SelftestReport* report) {
  Isa isa;
  ThreadPool* pool;
  VLLTR_RETURN_IF_ERROR(chosenIsa(&isa));
  VLLTR_RETURN_IF_ERROR(ThreadPool::shared(&pool));
  report->isa = isaName(isa), report->threads = pool->threads();
  say("processor: " + report->isa + ", " + std::to_string(report->threads) + " threads; seed " +
      std::to_string(given.seed));
  SelftestOptions options = given;
  options.small = true, options.bench = false;
  CpuTarget target;
  return runOps(target, ops(), options, say, report);
}

}  // namespace vlltr
