#pragma once

#include <functional>
#include <vector>

#include "selftest/report.h"

namespace vlltr {

struct SelftestOp {
  const char* name;
  std::function<void(Selftest&)> run;
};

/** Runs those of `ops` that are asked for, one after the other. kInvalidArgument: one that is not among them.
 */
Status runOps(Target& target, const std::vector<SelftestOp>& ops, const SelftestOptions& options,
              const Selftest::Say& say, SelftestReport* report);

}  // namespace vlltr
