// What kernels do with memory: their sources are compiled with -fsanitize=thread, whose calls come here.
// Refused are accesses outside of what a kernel has, reads of shared memory that the block has not written,
// and accesses of two threads to the same bytes, one of them a write, that no barrier orders.
#pragma once

#include <cstddef>

namespace emulator {

void watchStacks(const char* stacks, size_t bytes);
/** Shared memory of the blocks of a cluster, kSharedBytes each. */
void watchShared(const char* shared);
/** Device memory, allocated and released in it. */
void watchDevice(const char* memory, size_t bytes);

/** `shared`: bytes of dynamic shared memory; `races`: whether to look for them. */
void beginLaunch(size_t shared, bool races);
void beginBlock();
/** All threads of the block have come to its barrier. */
void openBlock();
void stepWarp(unsigned warp);
/** An access of the thread that runs, or of another lane of its warp. */
void touch(const void* memory, size_t bytes, bool write);
void touchAs(unsigned thread, const void* memory, size_t bytes, bool write);

}  // namespace emulator
