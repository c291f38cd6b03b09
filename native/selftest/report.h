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
  int device = 0;                // a card
  bool bench = false;            // timings too
  bool small = false;            // without the sizes that only a card is quick at
  bool verbose = false;          // says the checks that hold too
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
  std::string isa;  // of the processor, where its kernels were checked; else empty
  int threads = 0;
  uint64_t seed = 0;
  std::vector<Op> ops;

  bool ok() const;
  std::string json() const;
};

/** Names of the ops that can be checked on a card. A build without CUDA has neither this nor `runSelftest`.
 */
std::vector<std::string> selftestOps();

/**
 * Checks a device's kernels, and says what is found as it goes. Ok where the checks could be made, whatever
 * they found. kUnavailable: no such device; kInvalidArgument: no such op.
 */
Status runSelftest(const SelftestOptions& options, const Selftest::Say& say, SelftestReport* report);

/** Names of the ops that can be checked on the processor. */
std::vector<std::string> cpuSelftestOps();

/** The same of the processor's kernels, of the instruction set in use; `device`, `bench` and `small` mean
 * nothing. */
Status runCpuSelftest(const SelftestOptions& options, const Selftest::Say& say, SelftestReport* report);

/** "13.0" of 13000. */
std::string cudaVersion(int version);

}  // namespace vlltr
