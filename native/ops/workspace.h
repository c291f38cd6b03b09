#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace vlltr {

/** Memory for packed operands and intermediate blocks, aligned to cache lines (and to huge pages where
 * large); its contents are undefined. */
class Workspace {
 public:
  /** False where the memory cannot be had. What was there before is gone. */
  bool reserve(int64_t bytes) {
    const size_t alignment = static_cast<size_t>(bytes) < kHugePage ? kAlignment : kHugePage;
    const size_t size = (static_cast<size_t>(bytes) + alignment - 1) / alignment * alignment;
    memory_.reset(std::aligned_alloc(alignment, size == 0 ? alignment : size));
#if defined(__linux__)
    // Fresh memory is faulted in a page at a time: huge ones make that cheap.
    if (memory_ != nullptr && alignment == kHugePage) madvise(memory_.get(), size, MADV_HUGEPAGE);
#endif
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
  static constexpr size_t kHugePage = size_t{2} << 20;
  struct Free {
    void operator()(void* memory) const { std::free(memory); }
  };
  std::unique_ptr<void, Free> memory_;
};

}  // namespace vlltr
