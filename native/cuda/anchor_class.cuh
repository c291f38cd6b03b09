#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "cuda/anchor_gram.h"
#include "cuda/anchor_math.h"
#include "cuda/layout.h"
#include "cuda/mma.cuh"
#include "cuda/portable.h"

/** The attention of 16 images to a class of up to 64 anchors, in a warp's registers. */
namespace vlltr::cuda {

/** Lines are images, columns anchors; as fragments of sums (`sumRow`, `sumColumn`) beside each other: a
 * thread has two lines, [0] and [1] of a fragment being of the first, and four threads share a line. */
constexpr int kClassFragments = kClassAnchors / 8;
using ClassFragments = float[kClassFragments][4];

/** The column of a thread's element, from its first one's. */
constexpr int classColumn(int fragment, int element) { return fragment * 8 + element % 2; }

/** Over the four threads of a line. */
__device__ __forceinline__ float lineSum(float value) {
  value += __shfl_xor_sync(0xffffffffu, value, 1);
  return value + __shfl_xor_sync(0xffffffffu, value, 2);
}
__device__ __forceinline__ float lineMost(float value) {
  value = fmaxf(value, __shfl_xor_sync(0xffffffffu, value, 1));
  return fmaxf(value, __shfl_xor_sync(0xffffffffu, value, 2));
}

/** Scores to weights, `left` columns from the thread's first one on; 0 beyond. */
__device__ __forceinline__ void weigh(ClassFragments& l, int left) {
  constexpr float kLog2E = 1.44269504088896341f;
  float most[2] = {-INFINITY, -INFINITY}, total[2] = {};
#pragma unroll
  for (int j = 0; j < kClassFragments; ++j) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      if (classColumn(j, i) >= left) l[j][i] = -INFINITY;
      most[i / 2] = fmaxf(most[i / 2], l[j][i]);
    }
  }
  most[0] = lineMost(most[0]), most[1] = lineMost(most[1]);
#pragma unroll
  for (int j = 0; j < kClassFragments; ++j) {
#pragma unroll
    for (int i = 0; i < 4; ++i) total[i / 2] += l[j][i] = exp2Fast((l[j][i] - most[i / 2]) * kLog2E);
  }
  const float shares[2] = {1 / lineSum(total[0]), 1 / lineSum(total[1])};
#pragma unroll
  for (int j = 0; j < kClassFragments; ++j) {
#pragma unroll
    for (int i = 0; i < 4; ++i) l[j][i] *= shares[i / 2];
  }
}

/** Keeps the compiler, the assembler too, from moving accesses to memory from one side to the other. */
__device__ __forceinline__ void keepOrder() { __syncwarp(); }

/** What rounding a pair to bfloat16 left. */
__device__ __forceinline__ uint32_t roundRest(float x, float y, uint32_t rounded) {
  return roundPair(x - __uint_as_float(rounded << 16), y - __uint_as_float(rounded & 0xffff0000u));
}

/** product = a K with K as exact as float32, and a so (kWhole) or rounded to bfloat16; `gram` as by gramHalf,
 * from the lane's part on. kNear: it is in shared memory, and not read ahead, which takes registers. */
template <bool kWhole, bool kNear>
__device__ __forceinline__ void multiplyGram(const ClassFragments& a, const uint4* gram,
                                             ClassFragments& product) {
  constexpr int kSteps = kClassAnchors / 16;
#pragma unroll
  for (int n = 0; n < kClassFragments; ++n) {
#pragma unroll
    for (int i = 0; i < 4; ++i) product[n][i] = 0;
  }
#pragma unroll
  for (int step = 0; step < kSteps; ++step) {
    if constexpr (kNear || kWhole) keepOrder();
    uint32_t high[4], low[4];  // sums are laid out as a left factor is
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const float x = a[2 * step + i / 2][i % 2 * 2], y = a[2 * step + i / 2][i % 2 * 2 + 1];
      high[i] = roundPair(x, y);
      if constexpr (kWhole) low[i] = roundRest(x, y, high[i]);
    }
#pragma unroll
    for (int n = 0; n < kClassFragments; ++n) {
      const uint4 k = gram[(n * kSteps + step) * 32];
      if constexpr (kWhole) multiplyAdd(product[n], low, k.x, k.y);
      multiplyAdd(product[n], high, k.z, k.w);
      multiplyAdd(product[n], high, k.x, k.y);
    }
  }
}

/** <x^, G> of a line, a part in each thread: weights times the images' scores. */
__device__ __forceinline__ float alongLine(const ClassFragments& a, const ClassFragments& h, int half) {
  float along = 0;
#pragma unroll
  for (int j = 0; j < kClassFragments; ++j) {
    along += a[j][2 * half] * h[j][2 * half] + a[j][2 * half + 1] * h[j][2 * half + 1];
  }
  return along;
}

/** Doubles a number less what it was rounded to: of a rounded a' it is a^T K a = (2 a - a')^T K a' but for
 * the square of what rounding left. */
__device__ __forceinline__ float twice(float a, uint32_t rounded, int second) {
  return a + (a - __uint_as_float(second ? rounded & 0xffff0000u : rounded << 16));
}

/** What a fragment of K a adds to a^T K a. */
template <bool kWhole>
__device__ __forceinline__ void addSquares(const float (&a)[4], const float (&product)[4],
                                           float (&squares)[2]) {
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    float x = a[2 * half], y = a[2 * half + 1];
    if constexpr (!kWhole) {
      const uint32_t rounded = roundPair(x, y);
      x = twice(x, rounded, 0), y = twice(y, rounded, 1);
    }
    squares[half] += x * product[2 * half] + y * product[2 * half + 1];
  }
}

/** a^T K a of a thread's lines, each thread a part; without K a, which takes registers.
 * kNear: as above. */
template <bool kNear>
__device__ __forceinline__ void squareByGram(const ClassFragments& a, const uint4* gram,
                                             float (&squares)[2]) {
  constexpr int kSteps = kClassAnchors / 16;
  uint32_t rounded[kSteps][4];
#pragma unroll
  for (int i = 0; i < 4 * kSteps; ++i) {
    rounded[i / 4][i % 4] = roundPair(a[i / 2][i % 2 * 2], a[i / 2][i % 2 * 2 + 1]);
  }
#pragma unroll
  for (int n = 0; n < kClassFragments; ++n) {
    if constexpr (kNear) keepOrder();
    float low[4] = {}, high[4] = {};
#pragma unroll
    for (int step = 0; step < kSteps; ++step) {
      const uint4 k = gram[(n * kSteps + step) * 32];
      multiplyAdd(low, rounded[step], k.z, k.w);
      multiplyAdd(high, rounded[step], k.x, k.y);
    }
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      uint32_t pair = rounded[n / 2][n % 2 * 2 + half];
      // Not unpacked before now, which would take registers.
      asm volatile("" : "+r"(pair));
      const int x = 2 * half, y = x + 1;
      squares[half] +=
          twice(a[n][x], pair, 0) * (high[x] + low[x]) + twice(a[n][y], pair, 1) * (high[y] + low[y]);
    }
  }
}

/** What flows back into the scores: that of l instead of the product, times the anchors' scales (`left` from
 * the thread's first column on), and that of h instead of h. What all h of a line lack makes no difference.
 */
__device__ __forceinline__ void differentiate(const ClassFragments& a, const AttentionSlope& first,
                                              const AttentionSlope& second, const float* keyScale, int left,
                                              ClassFragments& h, ClassFragments& product) {
  float means[2] = {};
#pragma unroll
  for (int j = 0; j < kClassFragments; ++j) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      product[j][i] = (i < 2 ? first : second).weight(h[j][i], product[j][i]);
      means[i / 2] += a[j][i] * product[j][i];
    }
  }
  means[0] = lineSum(means[0]), means[1] = lineSum(means[1]);
#pragma unroll
  for (int j = 0; j < kClassFragments; ++j) {
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      const int column = classColumn(j, i);
      const float scale = column < left ? keyScale[column] : 0;
      product[j][i] = scale * first.score(a[j][i], product[j][i], means[0]);
      product[j][i + 2] = scale * second.score(a[j][i + 2], product[j][i + 2], means[1]);
      h[j][i] = first.value(a[j][i]), h[j][i + 2] = second.value(a[j][i + 2]);
    }
  }
}

/** Of four threads' four numbers each, the first thread (of `number` 0) gets all first ones, and so on. */
__device__ __forceinline__ uint4 transposeLine(int number, uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
  const bool odd = number % 2 != 0, high = number >= 2;
  const uint32_t ab = __shfl_xor_sync(0xffffffffu, odd ? a : b, 1);
  const uint32_t cd = __shfl_xor_sync(0xffffffffu, odd ? c : d, 1);
  // Two by two: (a, b) are the even fragment's, or the odd one's, of a pair of threads; (c, d) so.
  (odd ? a : b) = ab, (odd ? c : d) = cd;
  const uint32_t ac = __shfl_xor_sync(0xffffffffu, high ? a : c, 2);
  const uint32_t bd = __shfl_xor_sync(0xffffffffu, high ? b : d, 2);
  (high ? a : c) = ac, (high ? b : d) = bd;
  return {a, b, c, d};
}

/** Two lines to bfloat16, the low parts where there is room for them; no further than `columns`. `number` of
 * the thread among the four of a line, `alignment` in elements of the lines' beginnings. A line that is not
 * there is null. */
__device__ __forceinline__ void storeLines(uint16_t* const (&lines)[2], int64_t low, int columns, int number,
                                           int alignment, const ClassFragments& from) {
  const int own = 2 * number;  // the thread's first column
  const bool wide = alignment % 8 == 0 && columns == kClassAnchors, pairs = alignment % 2 == 0;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    if (wide) {
#pragma unroll
      for (int j = 0; j < kClassFragments; j += 4) {
        uint32_t high[4], rest[4];
#pragma unroll
        for (int k = 0; k < 4; ++k) {
          const float x = from[j + k][2 * half], y = from[j + k][2 * half + 1];
          high[k] = roundPair(x, y), rest[k] = roundRest(x, y, high[k]);
        }
        const int column = (j + number) * 8;
        const uint4 all = transposeLine(number, high[0], high[1], high[2], high[3]);
        if (lines[half] != nullptr) *reinterpret_cast<uint4*>(lines[half] + column) = all;
        if (low == 0) continue;
        const uint4 rests = transposeLine(number, rest[0], rest[1], rest[2], rest[3]);
        if (lines[half] != nullptr) *reinterpret_cast<uint4*>(lines[half] + low + column) = rests;
      }
      continue;
    }
    if (lines[half] == nullptr) continue;
#pragma unroll
    for (int j = 0; j < kClassFragments; ++j) {
      const int column = own + classColumn(j, 0);
      if (column >= columns) continue;
      uint16_t* const to = lines[half] + column;
      const float x = from[j][2 * half], y = from[j][2 * half + 1];
      const uint32_t high = roundPair(x, y), rest = low == 0 ? 0 : roundRest(x, y, high);
      if (pairs && column + 1 < columns) {
        *reinterpret_cast<uint32_t*>(to) = high;
        if (low != 0) *reinterpret_cast<uint32_t*>(to + low) = rest;
        continue;
      }
      to[0] = static_cast<uint16_t>(high);
      if (low != 0) to[low] = static_cast<uint16_t>(rest);
      if (column + 1 >= columns) continue;
      to[1] = static_cast<uint16_t>(high >> 16);
      if (low != 0) to[low + 1] = static_cast<uint16_t>(rest >> 16);
    }
  }
}

/** Sums of a thread's lines, the same for all four threads. */
__device__ __forceinline__ float2 sumLines(const ClassFragments& of) {
  float sums[2] = {};
#pragma unroll
  for (int j = 0; j < kClassFragments; ++j) {
#pragma unroll
    for (int i = 0; i < 4; ++i) sums[i / 2] += of[j][i];
  }
  return {lineSum(sums[0]), lineSum(sums[1])};
}

}  // namespace vlltr::cuda
