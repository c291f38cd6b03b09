// In place of native/cuda/tf32.cuh: the same functions, done by the emulator.
#pragma once

#include <cstdint>
#include <cstring>

#include "warp.h"

namespace vlltr::cuda {

struct Tf32Parts {
  uint32_t high, low;

  explicit Tf32Parts(float value) : high(round(value)) {
    float rounded;
    std::memcpy(&rounded, &high, sizeof rounded);
    low = round(value - rounded);
  }

 private:
  /** To 10 bits of mantissa, ties away from zero. */
  static uint32_t round(float value) {
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    if ((bits & 0x7F800000u) == 0x7F800000u) return bits;
    return (bits + 0x1000u) & 0xFFFFE000u;
  }
};

inline void multiplyAddTf32(float (&sums)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  emulator::multiplyAddTf32(sums, a, b);
}

}  // namespace vlltr::cuda
