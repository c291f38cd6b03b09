#pragma once

#include "cpu/simd.h"

namespace vlltr::simd {
namespace {

/** The bits of floats rounded to bfloat16 (to nearest, ties to even; NaN stays NaN); the low halves are 0. */
inline IntVector roundToBfloat16(IntVector bits) {
  const IntVector rounded = (bits + 0x7fff + ((bits >> 16) & 1)) & static_cast<int32_t>(0xffff0000u);
  const IntVector nan = (bits & 0x7fffffff) > 0x7f800000;
  return nan ? (bits | 0x00400000) & static_cast<int32_t>(0xffff0000u) : rounded;
}

typedef uint32_t UintVector __attribute__((vector_size(VLLTR_VECTOR_BYTES)));

/** Words of two bfloat16 values, the first in the low half, of rounded bits. */
inline IntVector pairWords(IntVector first, IntVector second) {
  return IntVector(UintVector(first) >> 16) | second;
}

}  // namespace
}  // namespace vlltr::simd
