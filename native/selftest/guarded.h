#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "selftest/target.h"

namespace vlltr {

/**
 * Floats in a target's memory for a check: poisoned (every byte 0xFF, a NaN) until filled, with more poison
 * on both sides, which no kernel may write to.
 */
class Guarded {
 public:
  /** `offset` floats past an address that is aligned to 256 bytes. */
  Status make(Target& target, int64_t count, int64_t offset = 0);
  Status make(Target& target, std::span<const float> values, int64_t offset = 0);
  float* data() const { return memory_.as<float>() + kGuard + offset_; }
  int64_t count() const { return count_; }
  Status poison();
  /** Waits; kInternal where a guard was written to. */
  Status get(std::vector<float>* values) const;

 private:
  static constexpr int64_t kGuard = 64;
  int64_t total() const { return count_ + offset_ + 2 * kGuard; }

  Target* target_ = nullptr;
  int64_t count_ = 0, offset_ = 0;
  TargetMemory memory_;
};

}  // namespace vlltr
