#pragma once

#include <cstdint>
#include <vector>

#include "ops/anchor_query.h"
#include "ops/anchor_table.h"
#include "ops/gemm_blocks.h"

namespace vlltr {

/** Some images: their u and their x^ as the right factors of products with anchors, 2 `width` rows of them.
 */
struct QueryTile {
  int64_t first, count;  // images
  int64_t width;         // `count` filled up with zeros to whole vectors
  PackedOperand factors;
  PackedOperand exact;  // in float32, for the means of a split table
};

/** All images in tiles. */
struct QueryTiles {
  std::vector<QueryTile> tiles;
  int64_t width = 0;  // the largest
  Workspace memory;
};

/** kResourceExhausted: no memory for it. */
Status makeQueryTiles(const AnchorTable::Data& table, int64_t batch, const AnchorQuery& query,
                      QueryTiles* tiles);

/**
 * The work of one thread on blocks of anchors and a tile of images; see AnchorTile for how arrays lie.
 * `scores` and `weights` hold a whole block.
 */
class AnchorPass {
 public:
  AnchorPass(const AnchorTable::Data& table, const QueryTiles& tiles, bool gradient);

  /** False where the memory cannot be had. */
  bool reserve();

  /** Fills `scores` for all anchors of a block. */
  void score(const AnchorBlock& block, const QueryTile& tile);
  /** The attention of one class of the block that was scored: fills the rest of the class's tile. */
  AnchorTile attend(const AnchorBlock& block, const QueryTile& tile, int64_t c);
  /** What flows back into the scores of that class, for an upstream gradient `scale` [tile.width] times
   * exp(logitScale). */
  void differentiate(const AnchorTile& attended, const float* scale, bool detachNorm);
  /** Adds the block's share to the gradients of u and x^, [tile.width, D] each. */
  void accumulate(const AnchorBlock& block, const QueryTile& tile, float* du, float* dunit);

  /** [tile.width], for the caller. */
  float* scale() const { return floats(scale_); }

 private:
  int64_t take(int64_t bytes);
  float* floats(int64_t offset) const { return reinterpret_cast<float*>(memory_.at(offset)); }
  const float* rows(const AnchorBlock& block) const { return table_.blockRows(block, floats(widened_)); }
  void multiplyMeans(const AnchorBlock& block, const QueryTile& tile, const float* sums, float* gradient);

  const AnchorTable::Data& table_;
  Blocks depths_;
  int64_t bytes_ = 0;
  int64_t left_, scores_, weights_, gramWeights_, packedWeights_, along_, inverseNorm_, scale_, widened_,
      means_, dkeys_ = 0, dvalues_ = 0, right_ = 0, sums_ = 0;
  Workspace memory_;
};

}  // namespace vlltr
