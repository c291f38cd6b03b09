#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "vlltr/contrastive.h"

/** What the contrastive op's Hopper kernels read of rows and columns, laid out to be copied a tile at once.
 */
namespace vlltr::cuda {

constexpr int kHopperLines = 128;

/** Of a row or a column; past the last one all are 0. */
struct alignas(16) HopperLine {
  float factor, teacherFactor;  // 2^(least - log2 sum of exponentials): `least` is the tile's, see `range`
  int32_t label;
  float weight;  // 1 / n(y), of rows
};

struct HopperLineTile {
  // Least and most of the lines' log2 sums of exponentials, and the teacher's. Of no line: far above and
  // below.
  float4 range;
  HopperLine lines[kHopperLines];
};

struct HopperLinesCall {
  int64_t lines = 0;
  ContrastiveStatistics statistics;  // null: only labels and weights are wanted
  const int32_t* labels = nullptr;
  const float* weights = nullptr;   // null: 0
  HopperLineTile* tiles = nullptr;  // hopperLineTiles(lines)
};

/** Blocks of a cluster read tiles in pairs. */
constexpr int64_t hopperLineTiles(int64_t lines) {
  return (lines + 2 * kHopperLines - 1) / (2 * kHopperLines) * 2;
}

cudaError_t layHopperLines(cudaStream_t stream, const HopperLinesCall& rows, const HopperLinesCall& columns);

}  // namespace vlltr::cuda
