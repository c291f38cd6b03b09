#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "selftest/selftest.h"
#include "vlltr/device.h"

namespace vlltr {

struct SelftestOptions {
  std::vector<std::string> ops;  // empty: all
  uint64_t seed = 0;             // of the inputs
  int device = 0;
  bool bench = false;    // timings too
  bool small = false;    // without the sizes that only a card is quick at
  bool verbose = false;  // says the checks that hold too
};

struct SelftestReport {
  struct Op {
    std::string name;
    int passed = 0, failed = 0;
    double seconds = 0;
    std::vector<std::string> failures;
    std::vector<SelftestTiming> timings;
  };
  Card card;
  uint64_t seed = 0;
  std::vector<Op> ops;

  bool ok() const;
  std::string json() const;
};

/** Names of the ops that this build can check. */
std::vector<std::string> selftestOps();

/**
 * Checks a device's kernels, and says what is found as it goes. Ok where the checks could be made, whatever
 * they found. kUnavailable: no such device; kInvalidArgument: no such op.
 */
Status runSelftest(const SelftestOptions& options, const Selftest::Say& say, SelftestReport* report);

/** "13.0" of 13000. */
std::string cudaVersion(int version);

}  // namespace vlltr
