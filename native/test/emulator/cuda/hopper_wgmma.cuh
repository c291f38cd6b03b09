// In place of native/cuda/hopper_wgmma.cuh: the same functions, done by the emulator.
#pragma once

#include <cstdint>

#include "cuda/hopper_operand.h"
#include "hopper.h"

namespace vlltr::cuda::hopper {

inline void beginProducts() {}
inline void commitProducts() { emulator::commitProducts(); }
template <int kLeft>
void awaitProducts() {
  emulator::awaitProducts(kLeft);
}

template <int kColumns>
using Sums = float[kColumns / 8][4];
template <int kFragments>
void pin(float (&)[kFragments][4]) {}

template <Major kA, Major kB, bool kAdd, int kFragments>
void multiply(float (&d)[kFragments][4], uint64_t a, uint64_t b) {
  emulator::multiplyGroup({d[0], kFragments * 8, a, b, kA == Major::kBreadth, kB == Major::kBreadth, kAdd});
}

}  // namespace vlltr::cuda::hopper
