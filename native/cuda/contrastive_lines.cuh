#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "cuda/contrastive_math.h"
#include "vlltr/contrastive.h"

/** What is done line by line after tiles, where a line is a row or a column of S. */
namespace vlltr::cuda {

/** Statistics of the lines from `first` on. */
inline ContrastiveStatistics linesFrom(const ContrastiveStatistics& all, int64_t first) {
  if (all.teacherLse == nullptr) return {all.lse + first, nullptr, nullptr};
  return {all.lse + first, all.teacherLse + first, all.teacherMean + first};
}

/** Puts together the partials that a block's tiles left of its lines, and what earlier blocks left of them.
 */
struct LineMerge {
  int lines = 0, tiles = 0;
  const float* partials = nullptr;  // [kPartialFloats, tiles, stride]
  int stride = 0;
  float* state = nullptr;  // [kPartialFloats, stateStride], of these lines
  int64_t stateStride = 0;
  bool first = false;                // nothing is in `state` yet
  bool last = false;                 // `statistics` are written rather than `state`
  ContrastiveStatistics statistics;  // of these lines; the teacher's are 0 without a teacher
};
cudaError_t mergeLines(cudaStream_t stream, const LineMerge& rows, const LineMerge& columns, bool teacher);

/** targetSum = (1 - smoothing) sum of the tiles' matches + smoothing / columns times the sum of all. */
cudaError_t sumTargets(cudaStream_t stream, const float2* tiles, int64_t count, float smoothing,
                       int64_t columns, float* targetSum);

/** Least and most of logarithms (base 2) over each 128 lines: [lines / 128][4], lse's and the teacher's. */
struct LineRange {
  int64_t lines = 0;
  ContrastiveStatistics statistics;
  float4* ranges = nullptr;
};
constexpr int kRangeLines = 128;
cudaError_t rangeOfLines(cudaStream_t stream, const LineRange& rows, const LineRange& columns, bool teacher);

/** sum = factor[0] times the sum of `parts`. */
cudaError_t sumProducts(cudaStream_t stream, const float* parts, int64_t count, const float* factor,
                        float* sum);

}  // namespace vlltr::cuda
