#pragma once

#include <cstdint>
#include <mutex>

#include "cuda/arena.h"
#include "cuda/device.h"

namespace vlltr::cuda {

/**
 * Calls `use(arena)` with the device current and no other call enqueued meanwhile, `bytes` of its memory in
 * the arena. What is enqueued there may use them: they are released behind it, in the stream's order.
 */
template <class Use>
Status enqueueWith(Device& device, int64_t bytes, Use use) {
  const std::lock_guard lock(device.data().enqueue);
  const Current current(device);
  DeviceMemory memory;
  VLLTR_RETURN_IF_ERROR(memory.reserve(device, bytes));
  Arena arena(memory.as<char>());
  return use(arena);
}

}  // namespace vlltr::cuda
