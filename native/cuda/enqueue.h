#pragma once

#include <cstdint>
#include <mutex>
#include <string>

#include "cuda/arena.h"
#include "cuda/device.h"

namespace vlltr::cuda {

/** Whether what was lent is enough, and lies as the arena's arrays need it. */
inline Status checkLent(const LentMemory& lent, int64_t bytes) {
  const auto past = static_cast<int64_t>(reinterpret_cast<uintptr_t>(lent.memory) % Arena::kAlignment);
  if (lent.bytes >= bytes && past == 0) return Status();
  return invalidArgument("the memory lent is of " + std::to_string(lent.bytes) + " bytes, " +
                         std::to_string(past) + " past a multiple of " + std::to_string(Arena::kAlignment) +
                         "; expected at least " + std::to_string(bytes) + " at a multiple");
}

/**
 * Calls `use(arena)` with the device current and no other call enqueued meanwhile, and `bytes` in the arena:
 * those lent, else memory of the device's own. What is enqueued there may use them: the device's own are
 * released behind it, in the stream's order.
 */
template <class Use>
Status enqueueWith(Device& device, int64_t bytes, const LentMemory& lent, Use use) {
  const std::lock_guard lock(device.data().enqueue);
  const Current current(device);
  DeviceMemory memory;
  if (lent.memory == nullptr) {
    VLLTR_RETURN_IF_ERROR(memory.reserve(device, bytes));
  } else {
    VLLTR_RETURN_IF_ERROR(checkLent(lent, bytes));
  }
  Arena arena(lent.memory == nullptr ? memory.as<char>() : lent.memory);
  return use(arena);
}

}  // namespace vlltr::cuda
