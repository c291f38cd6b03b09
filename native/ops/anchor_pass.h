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

/** A number of images filled up to whole vectors. */
int64_t wholeVectors(int64_t images);

/** kResourceExhausted: no memory for it. */
Status makeQueryTiles(const AnchorTable::Data& table, int64_t batch, const AnchorQuery& query,
                      QueryTiles* tiles);

/**
 * The work of one thread on blocks of anchors and a tile of images; see AnchorTile for how arrays lie. Scores
 * and weights are those of a whole block. Owns no memory.
 */
class AnchorPass {
 public:
  AnchorPass(const AnchorTable::Data& table, const QueryTiles& tiles, bool gradient);

  int64_t bytes() const { return bytes_; }
  /** Where its arrays lie: `bytes()` bytes, aligned to 64. */
  void place(char* memory) { memory_ = memory; }

  /** Computes the scores of all anchors of a block; puts them into `kept` (for all blocks and tiles) where
   * there is one. */
  void score(const AnchorBlock& block, const QueryTile& tile, float* kept);
  /** Takes the scores of a block that were kept. */
  void recall(const AnchorBlock& block, const QueryTile& tile, const float* kept);
  /** The attention of one class of the block that was scored: fills the rest of the class's tile. */
  AnchorTile attend(const AnchorBlock& block, const QueryTile& tile, int64_t c);
  /** What flows back into the scores of that class, for an upstream gradient `scale` [tile.width] times
   * exp(logitScale). */
  void differentiate(const AnchorTile& attended, const float* scale, bool detachNorm);
  /** The block's share of the gradients of u and x^, [2 tile.width, D]; `add`: to what is there. */
  void accumulate(const AnchorBlock& block, const QueryTile& tile, bool add, float* gradient);

  /** [tile.width], for the caller. */
  float* scale() const { return floats(scale_); }

 private:
  int64_t take(int64_t bytes);
  float* floats(int64_t offset) const { return reinterpret_cast<float*>(memory_ + offset); }
  /** Where a block's scores lie among those of all blocks and tiles. */
  int64_t keptAt(const AnchorBlock& block, const QueryTile& tile) const {
    return 2 * (table_.rows() * tile.first + block.firstRow * tile.width);
  }
  const float* rows(const AnchorBlock& block) const { return table_.blockRows(block, floats(widened_)); }
  void multiplyMeans(const AnchorBlock& block, const QueryTile& tile, float* gradient);

  const AnchorTable::Data& table_;
  Blocks depths_, columns_;  // of the table's width, where it is contracted and where it is not
  int64_t bytes_ = 0;
  int64_t left_, scores_, weights_, gramWeights_, packedWeights_, along_, inverseNorm_, scale_, widened_,
      means_, dscores_ = 0, right_ = 0, sums_ = 0;
  char* memory_ = nullptr;
  const float* scored_ = nullptr;  // the block's scores
};

}  // namespace vlltr
