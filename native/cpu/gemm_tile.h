// The microkernels: one tile of C in registers, over packed panels. Part of gemm.cc.
#pragma once

#include "cpu/simd.h"

#if defined(__AVX512BF16__)
#include <immintrin.h>
#endif

namespace vlltr {
namespace {

using simd::FloatVector;
using simd::IntVector;
using simd::kFloats;
using simd::load;
using simd::store;

// As many sums as the registers hold, beside two of B and one of A: 14 x 2 of 32, 6 x 2 of 16.
constexpr int kTileRows = VLLTR_VECTOR_BYTES == 64 ? 14 : 6;
constexpr int kTileVectors = 2;
constexpr int64_t kTileColumns = kTileVectors * kFloats;

using Tile = FloatVector[kTileRows][kTileVectors];

/** Float panels. */
struct FloatStep {
  static constexpr int64_t kDepth = 1;
  static constexpr int64_t kRowBytes = 4 * kTileRows, kColumnBytes = 4 * kTileColumns;

  static inline void add(Tile& sums, const char* a, const char* b) {
    const FloatVector b0 = load<FloatVector>(b), b1 = load<FloatVector>(b + VLLTR_VECTOR_BYTES);
#pragma GCC unroll 14
    for (int r = 0; r < kTileRows; ++r) {
      const FloatVector factor = simd::broadcast(load<float>(a + 4 * r));
      sums[r][0] += factor * b0;
      sums[r][1] += factor * b1;
    }
  }
};

#if defined(__AVX512BF16__)
/** Panels of bfloat16 pairs, for the processor's own products. */
struct Bfloat16Step {
  static constexpr int64_t kDepth = 2;
  static constexpr int64_t kRowBytes = 4 * kTileRows, kColumnBytes = 4 * kTileColumns;

  static inline FloatVector product(FloatVector sum, IntVector a, IntVector b) {
    return FloatVector(_mm512_dpbf16_ps(__m512(sum), __m512bh(a), __m512bh(b)));
  }
  static inline void add(Tile& sums, const char* a, const char* b) {
    const IntVector b0 = load<IntVector>(b), b1 = load<IntVector>(b + VLLTR_VECTOR_BYTES);
#pragma GCC unroll 14
    for (int r = 0; r < kTileRows; ++r) {
      const IntVector factor = IntVector{} + load<int32_t>(a + 4 * r);
      sums[r][0] = product(sums[r][0], factor, b0);
      sums[r][1] = product(sums[r][1], factor, b1);
    }
  }
};
#else
/** A as floats that were rounded to bfloat16, B as pairs, which halve its memory and are widened here. */
struct Bfloat16Step {
  static constexpr int64_t kDepth = 2;
  static constexpr int64_t kRowBytes = 2 * 4 * kTileRows, kColumnBytes = 4 * kTileColumns;

  static inline void add(Tile& sums, const char* a, const char* b) {
    const FloatVector even0 = FloatVector(load<IntVector>(b) << 16);
    const FloatVector even1 = FloatVector(load<IntVector>(b + VLLTR_VECTOR_BYTES) << 16);
#pragma GCC unroll 14
    for (int r = 0; r < kTileRows; ++r) {
      const FloatVector factor = simd::broadcast(load<float>(a + 4 * r));
      sums[r][0] += factor * even0;
      sums[r][1] += factor * even1;
    }
    constexpr int32_t kHigh = static_cast<int32_t>(0xffff0000u);
    __asm__("" : "+r"(b));  // read again: no register is left to keep them
    const FloatVector odd0 = FloatVector(load<IntVector>(b) & kHigh);
    const FloatVector odd1 = FloatVector(load<IntVector>(b + VLLTR_VECTOR_BYTES) & kHigh);
#pragma GCC unroll 14
    for (int r = 0; r < kTileRows; ++r) {
      const FloatVector factor = simd::broadcast(load<float>(a + 4 * (kTileRows + r)));
      sums[r][0] += factor * odd0;
      sums[r][1] += factor * odd1;
    }
  }
};
#endif

constexpr int64_t kLine = 64;  // bytes of a cache line

/** Lines of memory that are wanted soon. */
struct Soon {
  const char* first;
  int64_t lines;

  inline void prefetch() const {
    // Two of the longer panels do not fit into the L1 cache.
    constexpr int kCache = VLLTR_VECTOR_BYTES == 64 ? 2 : 3;
    for (int64_t i = 0; i < lines; ++i) __builtin_prefetch(first + i * kLine, 0, kCache);
  }
};

/** C [kTileRows, kTileColumns] = or += one panel of A times one of B, over `steps` depth steps. `soon`: what
 * is fetched meanwhile. */
template <class Step>
inline void multiplyTile(int64_t steps, const char* a, const char* b, const Soon& soon, float* c,
                         int64_t cStride, bool accumulate) {
  Tile sums;
  soon.prefetch();
#pragma GCC unroll 14
  for (int r = 0; r < kTileRows; ++r) {
    sums[r][0] = sums[r][1] = FloatVector{};
    // C is wanted when the sums are done: its lines arrive meanwhile.
    __builtin_prefetch(c + r * cStride, 1);
    __builtin_prefetch(c + r * cStride + kTileColumns - 1, 1);
  }
  for (; steps > 0; --steps, a += Step::kRowBytes, b += Step::kColumnBytes) {
    __builtin_prefetch(a + 1536);  // the next panels of A come from the L2 cache or farther
    Step::add(sums, a, b);
  }
#pragma GCC unroll 14
  for (int r = 0; r < kTileRows; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < kTileVectors; ++v) {
      float* to = c + r * cStride + v * kFloats;
      store(to, accumulate ? load<FloatVector>(to) + sums[r][v] : sums[r][v]);
    }
  }
}

}  // namespace
}  // namespace vlltr
