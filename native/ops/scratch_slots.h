#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <new>

namespace vlltr {

/** Pieces of memory that the parts of a job take and give back, as many as there are threads. */
class ScratchSlots {
 public:
  /** False where the memory for the list cannot be had. */
  bool make(int64_t count) {
    count_ = count;
    taken_.reset(new (std::nothrow) std::atomic<bool>[static_cast<size_t>(count)]());
    return taken_ != nullptr;
  }

  /** The number of a free slot, held until this is destroyed. */
  class Held {
   public:
    explicit Held(const ScratchSlots& slots) : slots_(slots) {
      while (slots.taken_[number_].exchange(true, std::memory_order_acquire)) {
        number_ = (number_ + 1) % static_cast<size_t>(slots.count_);
      }
    }
    ~Held() { slots_.taken_[number_].store(false, std::memory_order_release); }
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;

    int64_t number() const { return static_cast<int64_t>(number_); }

   private:
    const ScratchSlots& slots_;
    size_t number_ = 0;
  };

 private:
  int64_t count_ = 0;
  std::unique_ptr<std::atomic<bool>[]> taken_;
};

}  // namespace vlltr
