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
 * `words` words (a multiple of kFloats) of kRows rows of `source` (row-major), as `to[word * kRows + row]`. A
 * vector's worth of rows at a time: more would evict each other's lines where the stride is a power of two.
 */
template <class Words, int64_t kRows, int64_t kFirstRow>
inline void packAlong(const float* source, int64_t stride, int64_t words, int32_t* to) {
  constexpr int64_t kCount = smaller(kFloats, kRows - kFirstRow);
  for (int64_t w = 0; w < words; w += kFloats) {
    // The next panel's rows, too short for the processor to see where they lead. To the L2 cache: rows a
    // power of two apart would not stay in the L1 cache.
#pragma GCC unroll 16
    for (int64_t r = 0; r < kCount; ++r) {
      __builtin_prefetch(source + (kRows + kFirstRow + r) * stride + w * Words::kWidth, 0, 2);
    }
    IntVector block[kFloats];
#pragma GCC unroll 16
    for (int64_t r = 0; r < kFloats; ++r) {
      block[r] = IntVector{};
      if (r < kCount) block[r] = Words::along(source + (kFirstRow + r) * stride + w * Words::kWidth);
    }
    simd::transpose(block);
#pragma GCC unroll 16
    for (int64_t i = 0; i < kFloats; ++i) storeWords<kCount>(to + (w + i) * kRows + kFirstRow, block[i]);
  }
  if constexpr (kFirstRow + kFloats < kRows) {
    packAlong<Words, kRows, kFirstRow + kFloats>(source, stride, words, to);
  }
}

/** As above at the edges: `rows` rows (the others become 0) and less than a vector's depth. */
template <class Words, int64_t kRows>
__attribute__((noinline)) void packEdge(const float* source, int64_t stride, int64_t rows, int64_t elements,
                                        int32_t* to) {
  const int64_t words = smaller(kFloats, (elements + Words::kWidth - 1) / Words::kWidth);
  for (int64_t r = 0; r < kRows; ++r) {
    float some[kFloats * Words::kWidth] = {};
    if (r < rows) {
      const int64_t count = smaller(elements, kFloats * Words::kWidth);
      __builtin_memcpy(some, source + r * stride, static_cast<size_t>(count) * sizeof(float));
    }
    const IntVector vector = Words::along(some);
    for (int64_t w = 0; w < words; ++w) to[w * kRows + r] = vector[w];
  }
}

/** The words of kRows rows at one depth step, from a transposed source, whose rows are consecutive. */
template <class Words, int64_t kRows, int64_t kFirstRow>
inline void packAcross(const float* first, const float* second, int64_t rows, int32_t* to) {
  constexpr int64_t kCount = smaller(kFloats, kRows - kFirstRow);
  // Where the panel ends within a vector there mostly are further rows behind it to load with it.
  const int64_t count = rows - kFirstRow;
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
  const auto panelOf = [=](int64_t row) { return static_cast<int32_t*>(panels) + row * words; };
  if (source.transposed) {
    // A few words of every panel in turn, so that a line that two panels share is used while it is near.
    constexpr int64_t kChunk = 16;
    for (int64_t begin = 0; begin < used; begin += kChunk) {
      const int64_t end = smaller(begin + kChunk, used);
      for (int64_t row = 0; row < rows; row += kRows) {
        for (int64_t w = begin; w < end; ++w) {
          const int64_t k = w * Words::kWidth;
          const float* first = source.data + k * source.stride + row;
          const bool pair = Words::kWidth == 2 && k + 1 < depth;
          packAcross<Words, kRows, 0>(first, pair ? first + source.stride : nullptr, rows - row,
                                      panelOf(row) + w * kRows);
        }
      }
    }
  } else {
    for (int64_t row = 0; row < rows; row += kRows) {
      const float* from = source.data + row * source.stride;
      int32_t* to = panelOf(row);
      int64_t w = 0;
      if (row + kRows <= rows) {
        w = depth / Words::kWidth / kFloats * kFloats;
        packAlong<Words, kRows, 0>(from, source.stride, w, to);
      }
      for (; w < used; w += kFloats) {
        const int64_t k = w * Words::kWidth;
        packEdge<Words, kRows>(from + k, source.stride, smaller(kRows, rows - row), depth - k,
                               to + w * kRows);
      }
    }
  }
  if (words > used) {
    for (int64_t row = 0; row < rows; row += kRows) {
      __builtin_memset(panelOf(row) + used * kRows, 0,
                       static_cast<size_t>((words - used) * kRows) * sizeof(int32_t));
    }
  }
}

}  // namespace
}  // namespace vlltr
