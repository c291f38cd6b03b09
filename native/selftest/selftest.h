#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "selftest/target.h"

namespace vlltr {

/** A kernel's time beside what the card could do at best. */
struct SelftestTiming {
  std::string op, size, precision;  // "contrastive backward", "16384x512", "bf16"
  double milliseconds = 0;          // median of the repeats, by the device's own clock
  double flops = 0;                 // operations that have to be done
  double bytes = 0;                 // bytes that have to be moved through device memory
  int64_t workspace = 0;            // bytes held beyond inputs and outputs
};

/**
 * Proof that a card's kernels, or the processor's, are right, and how fast they are. Inputs are drawn anew
 * every time, outputs are filled with NaN before each call, references are computed in float64 on the host.
 */
class Selftest {
 public:
  using Say = std::function<void(const std::string& line)>;
  Selftest(Target& target, uint64_t seed, bool small, Say say)
      : target_(target), state_(seed | 1), small_(small), say_(std::move(say)) {}

  Target& target() { return target_; }
  /** Of checks and timings that are for a card alone. */
  Device& device() { return *target_.card(); }
  /** Whether sizes that only a card is quick at are left out. */
  bool small() const { return small_; }
  uint64_t seed();
  /** Counts a check: fails it where `error` is not at most `allowed` (NaN included). */
  void expect(const std::string& what, double error, double allowed);
  /** Counts a call that must be ok. False where it is not. */
  bool ok(const std::string& what, const Status& status);
  /** Counts a call that must be refused with this code. */
  void refused(const std::string& what, const Status& status, Code code);
  void timing(SelftestTiming timing);
  /** Median milliseconds of `call`, after warming up, by events on the device's stream. */
  double median(int repeats, const std::function<Status()>& call);
  /** Goes behind the names of the ops that are timed, and of what is checked. */
  void qualify(const std::string& qualifier) { qualifier_ = qualifier; }

  int passed() const { return passed_; }
  int failed() const { return failed_; }
  const std::vector<SelftestTiming>& timings() const { return timings_; }

 private:
  Target& target_;
  uint64_t state_;
  bool small_;
  Say say_;
  std::string qualifier_;
  int passed_ = 0, failed_ = 0;
  std::vector<SelftestTiming> timings_;
};

/** max |a - b| / max |b|: of a whole array against its float64 reference. Not finite where a has a value that
 * is not. */
double relativeError(std::span<const float> a, std::span<const double> b);

// One file an op: its checks, and its timings.
void checkAdamw(Selftest& test);
void timeAdamw(Selftest& test);
void checkAnchorAttention(Selftest& test);
void timeAnchorAttention(Selftest& test);
void checkContrastive(Selftest& test);
void timeContrastive(Selftest& test);
void checkHosted(Selftest& test);
void timeHosted(Selftest& test);
void checkProduct(Selftest& test);
void timeProduct(Selftest& test);

}  // namespace vlltr
