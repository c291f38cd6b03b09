#pragma once

#include "cpu/simd.h"

namespace vlltr::simd {
namespace {

template <int kOffset, int... kLane>
inline IntVector interleaveLanes(IntVector a, IntVector b) {
  return __builtin_shufflevector(a, b, (kLane / 2 + kOffset + kLane % 2 * int{kFloats})...);
}

/** a0 b0 a1 b1 … of the first (kOffset 0) or second half (kOffset kFloats / 2) of two vectors. */
template <int kOffset>
inline IntVector interleave(IntVector a, IntVector b) {
  if constexpr (kFloats == 16) {
    return interleaveLanes<kOffset, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15>(a, b);
  } else if constexpr (kFloats == 8) {
    return interleaveLanes<kOffset, 0, 1, 2, 3, 4, 5, 6, 7>(a, b);
  } else {
    return interleaveLanes<kOffset, 0, 1, 2, 3>(a, b);
  }
}

template <int kFirst, int... kLane>
inline IntVector everySecondLane(IntVector a, IntVector b) {
  return __builtin_shufflevector(a, b, (2 * kLane + kFirst)...);
}

/** Every second of the lanes of a and b in a row, from the first (kFirst 0) or the second (1) on. */
template <int kFirst>
inline IntVector everySecond(IntVector a, IntVector b) {
  if constexpr (kFloats == 16) {
    return everySecondLane<kFirst, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15>(a, b);
  } else if constexpr (kFloats == 8) {
    return everySecondLane<kFirst, 0, 1, 2, 3, 4, 5, 6, 7>(a, b);
  } else {
    return everySecondLane<kFirst, 0, 1, 2, 3>(a, b);
  }
}

/** Transposes kFloats vectors in place. */
inline void transpose(IntVector (&rows)[kFloats]) {
  // Each round moves one bit of the row's number to the lane's number (a perfect shuffle).
#pragma GCC unroll 4
  for (int64_t round = 1; round < kFloats; round *= 2) {
    IntVector mixed[kFloats];
#pragma GCC unroll 8
    for (int64_t i = 0; i < kFloats / 2; ++i) {
      mixed[2 * i] = interleave<0>(rows[i], rows[i + kFloats / 2]);
      mixed[2 * i + 1] = interleave<int{kFloats / 2}>(rows[i], rows[i + kFloats / 2]);
    }
#pragma GCC unroll 16
    for (int64_t i = 0; i < kFloats; ++i) rows[i] = mixed[i];
  }
}

}  // namespace
}  // namespace vlltr::simd
