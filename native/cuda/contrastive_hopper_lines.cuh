#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "cuda/contrastive_hopper_classes.cuh"
#include "cuda/contrastive_similarity.cuh"
#include "vlltr/contrastive.h"

/** What the contrastive op's Hopper kernels read of rows and columns, laid out to be copied a tile at once.
 */
namespace vlltr::cuda {

constexpr int kHopperLines = 128;

/** Of rows or columns; past the last one all are 0. */
struct alignas(16) HopperLineTile {
  // Least and most of the lines' log2 sums of exponentials, and the teacher's. Of no line: far above and
  // below.
  float4 range;
  // 2^(least - log2 sum of exponentials).
  float factor[kHopperLines], teacherFactor[kHopperLines];
  int32_t label[kHopperLines];
  float weight[kHopperLines];  // 1 / n(y), of rows
};

/** Blocks of a cluster read tiles in pairs. */
constexpr int64_t hopperLineTiles(int64_t lines) {
  return (lines + 2 * kHopperLines - 1) / (2 * kHopperLines) * 2;
}

/** A call's inputs, its statistics where they are wanted, and where everything goes. */
struct HopperLinesCall {
  ContrastiveInputs inputs;
  const float* dloss = nullptr;
  ContrastiveStatistics rowStatistics, columnStatistics;  // null: only labels and weights are wanted
  ContrastiveScalars* scalars = nullptr;
  ClassTable classes;                                  // 0 at first
  HopperLineTile *rows = nullptr, *columns = nullptr;  // hopperLineTiles of each
};
cudaError_t layHopperLines(cudaStream_t stream, const HopperLinesCall& call);

}  // namespace vlltr::cuda
