#pragma once

#include <cstdint>

#include "cuda/contrastive_group.cuh"
#include "cuda/contrastive_math.h"

/** What the warps of a tile leave to each other of its statistics, in shared memory. */
namespace vlltr::cuda {

template <class Group>
struct StatisticsScratch {
  float range[Group::kWarps][4];
  float targets[Group::kWarps][2];
  float rows[kPartialFloats][Group::kWarpsN][Group::kRows];
  float columns[kPartialFloats][Group::kWarpsM][Group::kColumns];
};

/** Puts the warps' parts of each line together: `to`[v * plane + line]. */
template <class Group, bool kTeacher, int kWarps, int kLines>
__device__ __forceinline__ void writeLines(const float (&parts)[kPartialFloats][kWarps][kLines], int lines,
                                           float* to, int64_t plane) {
  for (int line = Group::thread(); line < kLines && line < lines; line += Group::kThreads) {
    Partial sum;
#pragma unroll
    for (int w = 0; w < kWarps; ++w) {
      Partial part;
      part.most = parts[0][w][line], part.sum = parts[1][w][line];
      if constexpr (kTeacher) {
        part.teacherMost = parts[2][w][line], part.teacherSum = parts[3][w][line];
        part.teacherProduct = parts[4][w][line];
      }
      sum = w == 0 ? part : merge(sum, part);
    }
    to[line] = sum.most, to[plane + line] = sum.sum;
    if constexpr (kTeacher) {
      to[2 * plane + line] = sum.teacherMost, to[3 * plane + line] = sum.teacherSum;
      to[4 * plane + line] = sum.teacherProduct;
    }
  }
}

}  // namespace vlltr::cuda
