// The emulated device's memory, poisoned where it is allocated.
#pragma once

#include <cstddef>

namespace emulator {

constexpr size_t kDeviceBytes = size_t{1} << 30;

/** Null where there is no room. */
void* allocate(size_t bytes);
void release(void* memory);
bool allocated(const void* memory, size_t bytes);
/** From now on all memory of the host counts as the device's too, allocated and unwatched: for a program
 * whose arrays lie where another library puts them. */
void adoptHost();
size_t freeBytes();

}  // namespace emulator
