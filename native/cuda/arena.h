#pragma once

#include <cstdint>

namespace vlltr::cuda {

/** Arrays that share one allocation, each aligned for any access. Without memory it only counts: arrays are
 * laid out twice, once for the number of bytes. */
class Arena {
 public:
  explicit Arena(void* memory = nullptr) : memory_(static_cast<char*>(memory)) {}

  template <class T>
  T* take(int64_t count) {
    T* const at = memory_ == nullptr ? nullptr : reinterpret_cast<T*>(memory_ + bytes_);
    bytes_ += (count * static_cast<int64_t>(sizeof(T)) + kAlignment - 1) / kAlignment * kAlignment;
    return at;
  }
  int64_t bytes() const { return bytes_; }

  static constexpr int64_t kAlignment = 256;

 private:
  char* memory_;
  int64_t bytes_ = 0;
};

constexpr int64_t roundUp(int64_t count, int64_t step) { return (count + step - 1) / step * step; }

}  // namespace vlltr::cuda
