#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>

namespace vlltr {

/** Memory for packed operands and intermediate blocks, aligned to cache lines; its contents are undefined. */
class Workspace {
 public:
  /** False where the memory cannot be had. What was there before is gone. */
  bool reserve(int64_t bytes) {
    const auto size = (static_cast<size_t>(bytes) + kAlignment - 1) / kAlignment * kAlignment;
    memory_.reset(std::aligned_alloc(kAlignment, size == 0 ? kAlignment : size));
    return memory_ != nullptr;
  }

  /** `bytes` rounded up, for the offset of what comes next. */
  static constexpr int64_t aligned(int64_t bytes) {
    constexpr auto kStep = static_cast<int64_t>(kAlignment);
    return (bytes + kStep - 1) / kStep * kStep;
  }

  char* at(int64_t offset) const { return static_cast<char*>(memory_.get()) + offset; }

 private:
  static constexpr size_t kAlignment = 64;
  struct Free {
    void operator()(void* memory) const { std::free(memory); }
  };
  std::unique_ptr<void, Free> memory_;
};

}  // namespace vlltr
