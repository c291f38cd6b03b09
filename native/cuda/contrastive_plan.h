#pragma once

#include <algorithm>
#include <cstdint>

#include "cuda/arena.h"

/** How the contrastive op's S is cut into blocks, so that what is held of one is bounded. */
namespace vlltr::cuda {

constexpr int64_t kSimilarityTile = 128;

/** Rows and columns of a block; multiples of the tile, the last ones may be smaller. */
struct SimilarityBlocks {
  int64_t rows, columns;
};

/** As few equal parts as keep each at or below `most`, a multiple of the tile. */
constexpr int64_t evenPart(int64_t lines, int64_t most) {
  const int64_t parts = (lines + most - 1) / most;
  return roundUp((lines + parts - 1) / parts, kSimilarityTile);
}

/** Of the forward pass, which holds partials: 40 bytes a line and tile across it. */
constexpr SimilarityBlocks forwardBlocks(int64_t rows, int64_t columns) {
  return {evenPart(rows, 4096), evenPart(columns, 8192)};
}

/** Of the backward pass, which holds dS in `elementBytes` and has `bytes` for it. */
constexpr SimilarityBlocks backwardBlocks(int64_t rows, int64_t columns, int64_t elementBytes,
                                          int64_t bytes) {
  // Square blocks have the least sums to read and write again; a short side leaves room for the other.
  int64_t side = kSimilarityTile;
  while ((side + kSimilarityTile) * (side + kSimilarityTile) * elementBytes <= bytes) side += kSimilarityTile;
  int64_t tall = std::min(roundUp(rows, kSimilarityTile), side);
  const int64_t wide =
      std::min(roundUp(columns, kSimilarityTile),
               std::max(bytes / elementBytes / tall / kSimilarityTile, int64_t{1}) * kSimilarityTile);
  if (wide < side) {
    tall = std::min(roundUp(rows, kSimilarityTile),
                    std::max(bytes / elementBytes / wide / kSimilarityTile, int64_t{1}) * kSimilarityTile);
  }
  return {evenPart(rows, tall), evenPart(columns, wide)};
}

/** Bytes for dS, where features take `held`: what they leave of 160 MiB, but enough to keep a card busy. */
constexpr int64_t differenceBytes(int64_t held) {
  constexpr int64_t kMiB = int64_t{1} << 20;
  return std::clamp(160 * kMiB - held, 24 * kMiB, 96 * kMiB);
}

}  // namespace vlltr::cuda
