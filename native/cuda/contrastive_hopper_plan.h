#pragma once

#include <algorithm>
#include <cstdint>

#include "cuda/contrastive_plan.h"

/** How the contrastive op's S is cut for Hopper's kernels: columns' strips, in each the rows'. */
namespace vlltr::cuda {

constexpr int64_t kHopperRows = 256;  // of a cluster's tile

/** As few equal parts as keep each at or below `most`, a multiple of the tile. */
constexpr int64_t evenHopperPart(int64_t lines, int64_t most) {
  const int64_t parts = (lines + most - 1) / most;
  return std::max(roundUp((lines + parts - 1) / parts, kHopperRows), kHopperRows);
}

/** Of the forward pass, whose tiles leave 20 bytes for each of 128 columns and each of 64 rows. */
constexpr SimilarityBlocks hopperForwardBlocks(int64_t rows, int64_t columns) {
  return {evenHopperPart(rows, 8192), evenHopperPart(columns, 16384)};
}

/** Of the backward pass, which holds dS in `elementBytes` and features in `lineBytes` a row and a column, and
 * strives for 160 MiB in all. Columns come in few strips, as rows' features are laid out anew for each. */
constexpr SimilarityBlocks hopperBackwardBlocks(int64_t rows, int64_t columns, int64_t elementBytes,
                                                int64_t lineBytes) {
  constexpr int64_t kKiB = 1024, kMiB = 1024 * kKiB, kTotal = 152 * kMiB;
  const int64_t widest =
      std::min(32 * kKiB / elementBytes, 64 * kMiB / lineBytes / kHopperRows * kHopperRows);
  const int64_t wide = evenHopperPart(columns, std::max(widest, 4 * kHopperRows));
  const int64_t left = kTotal - wide * lineBytes, tallest = left / (wide * elementBytes + lineBytes);
  return {evenHopperPart(rows, std::max(tallest / kHopperRows * kHopperRows, 4 * kHopperRows)), wide};
}

}  // namespace vlltr::cuda
