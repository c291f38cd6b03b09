#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace vlltr {

/** Memory for packed operands and intermediate blocks, aligned to cache lines (and to huge pages where
 * large); its contents are undefined. What large ones of up to 32 MiB leave behind is kept for the next. */
class Workspace {
 public:
  /** False where the memory cannot be had. What was there before is gone. What was kept for it may be up to
   * twice as large. */
  bool reserve(int64_t bytes);

  /** As `reserve`, of memory that is held for longer than a call: no more of it than is asked for. */
  bool reserveLasting(int64_t bytes);

  /** `bytes` rounded up, for the offset of what comes next. */
  static constexpr int64_t aligned(int64_t bytes) {
    constexpr auto kStep = static_cast<int64_t>(kAlignment);
    return (bytes + kStep - 1) / kStep * kStep;
  }

  /** Bytes that are kept for the next ones: at most 32 MiB, in four pieces. */
  static int64_t kept();

  char* at(int64_t offset) const { return static_cast<char*>(memory_.get()) + offset; }

 private:
  bool reserve(int64_t bytes, bool fresh);

  static constexpr size_t kAlignment = 64;
  struct GiveBack {
    size_t size;
    void operator()(void* memory) const;
  };
  std::unique_ptr<void, GiveBack> memory_;
};

}  // namespace vlltr
