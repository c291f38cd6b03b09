#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace vlltr {

/** Memory for packed operands and intermediate blocks, aligned to cache lines (and to huge pages where
 * large); its contents are undefined. What large ones of up to 32 MiB leave behind is kept for the next. */
class Workspace {
 public:
  /** False where the memory cannot be had. What was there before is gone. */
  bool reserve(int64_t bytes);

  /** `bytes` rounded up, for the offset of what comes next. */
  static constexpr int64_t aligned(int64_t bytes) {
    constexpr auto kStep = static_cast<int64_t>(kAlignment);
    return (bytes + kStep - 1) / kStep * kStep;
  }

  char* at(int64_t offset) const { return static_cast<char*>(memory_.get()) + offset; }

 private:
  static constexpr size_t kAlignment = 64;
  struct GiveBack {
    size_t size;
    void operator()(void* memory) const;
  };
  std::unique_ptr<void, GiveBack> memory_;
};

}  // namespace vlltr
