// In place of native/cuda/mma.cuh: the same functions, done by the emulator.
#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include "warp.h"

namespace vlltr::cuda {

inline uint32_t sharedAddress(const void* shared) { return emulator::sharedOffset(shared); }

inline void copyAsync(uint32_t shared, const void* global, bool there) {
  emulator::copyAsync(shared, global, there);
}
inline void commitCopies() { emulator::commitCopies(); }
template <int kPending>
void waitCopies() {
  emulator::waitCopies(kPending);
}

inline void loadMatrices(uint32_t (&to)[4], uint32_t shared) { emulator::loadMatrices(to, shared, false); }
inline void loadMatricesTransposed(uint32_t (&to)[4], uint32_t shared) {
  emulator::loadMatrices(to, shared, true);
}

inline void multiplyAdd(float (&sums)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  emulator::multiplyAdd(sums, a, {b0, b1});
}

inline uint32_t roundPair(float first, float second) {
  return roundToBfloat16(first) | static_cast<uint32_t>(roundToBfloat16(second)) << 16;
}

inline int threadNumber() { return static_cast<int>(threadIdx.x); }

inline float exp2Fast(float x) {
  const float y = exp2f(x);
  return y < 0x1p-126f ? 0.f : y;  // NaN goes on
}

}  // namespace vlltr::cuda
