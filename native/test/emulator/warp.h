// What the threads of a warp do together, and the copies that they have under way.
#pragma once

#include <cstdint>

#include "emulator.h"

namespace emulator {

struct Shuffle {
  const void* value;
  void* result;
  unsigned bytes, from;
};
/** Every lane gets the value of the lane that it names. */
void shuffle(Shuffle& lane);

/** Of each lane a bit. */
uint32_t ballot(bool value);
/** The lanes among `lanes`, those that come to this, that have the same value. */
uint32_t match(uint32_t lanes, uint64_t value);

/** Offsets in the block's shared memory, for instructions that take them in place of pointers. */
uint32_t sharedOffset(const void* memory);
char* sharedAt(uint32_t offset, uint32_t bytes);

/** ldmatrix .x4, and with .trans. */
void loadMatrices(uint32_t (&to)[4], uint32_t shared, bool transposed);
/** mma m16n8k16 of bfloat16, m16n8k8 of TF32. */
void multiplyAdd(float (&sums)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]);
void multiplyAddTf32(float (&sums)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]);

/** cp.async: the bytes arrive when they are waited for, poison lies there until then. */
void copyAsync(uint32_t shared, const void* global, bool there);
void commitCopies();
void waitCopies(int pending);
/** A thread ends: none of its copies is under way. */
void checkCopiesEnd();

}  // namespace emulator
