// Packing of operands into panels, with vector transposes. Part of gemm.cc.
#pragma once

#include "cpu/bfloat16.h"
#include "cpu/gemm.h"
#include "cpu/simd.h"
#include "cpu/transpose.h"

namespace vlltr {
namespace {

using simd::IntVector;
using simd::kFloats;
using simd::load;
using simd::store;

// What a panel holds is made of 32-bit words; each encoding takes kWidth elements of depth to one word.

struct FloatWords {
  static constexpr int64_t kWidth = 1;
  /** kFloats words from consecutive depths of one row. */
  static inline IntVector along(const float* from) { return load<IntVector>(from); }
  /** The words of kFloats rows at one depth, given the elements of kWidth depths. */
  static inline IntVector across(IntVector first, IntVector) { return first; }
};

struct RoundedWords {
  static constexpr int64_t kWidth = 1;
  static inline IntVector along(const float* from) { return simd::roundToBfloat16(load<IntVector>(from)); }
  static inline IntVector across(IntVector first, IntVector) { return simd::roundToBfloat16(first); }
};

struct PairWords {
  static constexpr int64_t kWidth = 2;
  static inline IntVector along(const float* from) {
    const IntVector low = simd::roundToBfloat16(load<IntVector>(from));
    const IntVector high = simd::roundToBfloat16(load<IntVector>(from + kFloats));
    return simd::pairWords(simd::everySecond<0>(low, high), simd::everySecond<1>(low, high));
  }
  static inline IntVector across(IntVector first, IntVector second) {
    return simd::pairWords(simd::roundToBfloat16(first), simd::roundToBfloat16(second));
  }
};

/** Reads up to one vector; the rest is 0. */
inline IntVector loadSome(const float* from, int64_t count) {
  if (count >= kFloats) return load<IntVector>(from);
  IntVector vector{};
  if (count > 0) __builtin_memcpy(&vector, from, static_cast<size_t>(count) * sizeof(float));
  return vector;
}

/** `kWords` (at most kFloats) words of a vector. */
template <int64_t kWords>
inline void storeWords(int32_t* to, IntVector vector) {
  if constexpr (kWords >= kFloats) {
    store(to, vector);
  } else {
    __builtin_memcpy(to, &vector, kWords * sizeof(int32_t));
  }
}

constexpr int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

/**
 * kFloats words of depth of up to kFloats rows, from `source` (row-major), as `to[word * kRows + row]`.
 * `elements`: how much depth there is.
 */
template <class Words, int64_t kRows, int64_t kFirstRow>
inline void packGroup(const float* source, int64_t stride, int64_t rows, int64_t elements, int32_t* to) {
  constexpr int64_t kCount = smaller(kFloats, kRows - kFirstRow);
  const bool whole = elements >= kFloats * Words::kWidth;
  IntVector block[kFloats];
#pragma GCC unroll 16
  for (int64_t r = 0; r < kFloats; ++r) {
    block[r] = IntVector{};
    if (r >= kCount || kFirstRow + r >= rows) continue;
    const float* from = source + (kFirstRow + r) * stride;
    if (whole) {
      block[r] = Words::along(from);
    } else {
      float some[kFloats * Words::kWidth] = {};
      __builtin_memcpy(some, from, static_cast<size_t>(elements) * sizeof(float));
      block[r] = Words::along(some);
    }
  }
  simd::transpose(block);
  const int64_t words = smaller(kFloats, (elements + Words::kWidth - 1) / Words::kWidth);
  if (whole) {
#pragma GCC unroll 16
    for (int64_t w = 0; w < kFloats; ++w) storeWords<kCount>(to + w * kRows + kFirstRow, block[w]);
  } else {
    for (int64_t w = 0; w < words; ++w) storeWords<kCount>(to + w * kRows + kFirstRow, block[w]);
  }
  if constexpr (kFirstRow + kFloats < kRows) {
    packGroup<Words, kRows, kFirstRow + kFloats>(source, stride, rows, elements, to);
  }
}

/** The words of kRows rows at one depth step, from a transposed source, whose rows are consecutive. */
template <class Words, int64_t kRows, int64_t kFirstRow>
inline void packAcross(const float* first, const float* second, int64_t rows, int32_t* to) {
  constexpr int64_t kCount = smaller(kFloats, kRows - kFirstRow);
  const int64_t count = smaller(kCount, rows - kFirstRow);
  const IntVector a = loadSome(first + kFirstRow, count);
  const IntVector b = second != nullptr ? loadSome(second + kFirstRow, count) : IntVector{};
  storeWords<kCount>(to + kFirstRow, Words::across(a, b));
  if constexpr (kFirstRow + kFloats < kRows) {
    packAcross<Words, kRows, kFirstRow + kFloats>(first, second, rows, to);
  }
}

/** Words of a panel are padded with zeros up to `kDepthStep` elements of depth. */
template <class Words, int64_t kRows, int64_t kDepthStep>
void pack(GemmSource source, int64_t rows, int64_t depth, void* panels) {
  constexpr int64_t kWordsPerStep = kDepthStep / Words::kWidth;
  const int64_t used = (depth + Words::kWidth - 1) / Words::kWidth;
  const int64_t words = (depth + kDepthStep - 1) / kDepthStep * kWordsPerStep;
  // A few words of every panel in turn, so that the lines of a transposed source are used while they are
  // near.
  constexpr int64_t kChunk = 16;
  for (int64_t begin = 0; begin < used; begin += kChunk) {
    const int64_t end = smaller(begin + kChunk, used);
    auto* panel = static_cast<int32_t*>(panels);
    for (int64_t row = 0; row < rows; row += kRows, panel += words * kRows) {
      const int64_t there = smaller(kRows, rows - row);
      if (source.transposed) {
        for (int64_t w = begin; w < end; ++w) {
          const int64_t k = w * Words::kWidth;
          const float* first = source.data + k * source.stride + row;
          const bool pair = Words::kWidth == 2 && k + 1 < depth;
          packAcross<Words, kRows, 0>(first, pair ? first + source.stride : nullptr, there,
                                      panel + w * kRows);
        }
      } else {
        for (int64_t w = begin; w < end; w += kFloats) {
          const int64_t k = w * Words::kWidth;
          packGroup<Words, kRows, 0>(source.data + row * source.stride + k, source.stride, there,
                                     smaller(depth - k, kFloats * Words::kWidth), panel + w * kRows);
        }
      }
      if (end == used && words > used) {
        __builtin_memset(panel + used * kRows, 0,
                         static_cast<size_t>((words - used) * kRows) * sizeof(int32_t));
      }
    }
  }
}

}  // namespace
}  // namespace vlltr
