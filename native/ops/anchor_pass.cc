#include "ops/anchor_pass.h"

#include <algorithm>
#include <cstring>

#include "vlltr/thread_pool.h"

namespace vlltr {
namespace {

constexpr int64_t kVector = 16;       // floats of the widest vector
constexpr int64_t kMostImages = 128;  // of a tile: their factors are as many columns as a chunk of a product

}  // namespace

int64_t wholeVectors(int64_t images) { return (images + kVector - 1) / kVector * kVector; }

Status makeQueryTiles(const AnchorTable::Data& table, int64_t batch, const AnchorQuery& query,
                      QueryTiles* made) {
  const int64_t d = table.width;
  const Blocks images(batch, kMostImages, kVector), depths = depthBlocks(*table.gemm, table.width);
  const GemmPrecision &use = table.product(), &exact = table.exact();
  int64_t bytes = 0;
  std::vector<int64_t> at;
  for (int64_t t = 0; t < images.count; ++t) {
    const int64_t width = wholeVectors(images.size(t));
    made->width = std::max(made->width, width);
    made->tiles.push_back({images.first(t), images.size(t), width,
                           PackedOperand(use.b, use.packB, 2 * width, depths),
                           PackedOperand(exact.b, exact.packB, 2 * width, depths)});
    at.push_back(bytes);
    bytes += made->tiles.back().factors.bytes() + (table.split() ? made->tiles.back().exact.bytes() : 0);
  }
  const int64_t scratch = Workspace::aligned(2 * made->width * d * 4);
  if (!made->memory.reserve(bytes + images.count * scratch)) {
    return Status(Code::kResourceExhausted, "anchorAttention: no memory for the packed queries");
  }
  ThreadPool* pool;
  VLLTR_RETURN_IF_ERROR(ThreadPool::shared(&pool));
  pool->run(images.count, [&](int64_t t) {
    QueryTile& tile = made->tiles[static_cast<size_t>(t)];
    auto* rows = reinterpret_cast<float*>(made->memory.at(bytes + t * scratch));
    std::memset(rows, 0, static_cast<size_t>(2 * tile.width * d) * sizeof(float));
    const auto size = static_cast<size_t>(tile.count * d) * sizeof(float);
    std::memcpy(rows, query.u + tile.first * d, size);
    std::memcpy(rows + tile.width * d, query.unit + tile.first * d, size);
    char* memory = made->memory.at(at[static_cast<size_t>(t)]);
    tile.factors.place(memory);
    tile.factors.pack({rows, d, false}, 0, 2 * tile.width);
    if (!table.split()) return;
    tile.exact.place(memory + tile.factors.bytes());
    tile.exact.pack({rows, d, false}, 0, 2 * tile.width);
  });
  return Status();
}

AnchorPass::AnchorPass(const AnchorTable::Data& table, const QueryTiles& tiles, bool gradient)
    : table_(table),
      depths_(depthBlocks(*table.gemm, table.width)),
      columns_(table.width, table.gemm->block, table.product().b.rows) {
  const int64_t most = table.mostRows, width = tiles.width, d = table.width, classRows = table.mostClassRows;
  const GemmPrecision &use = table.product(), &exact = table.exact();
  const int64_t means = table.split() ? table.mostClasses : 0;
  // As left factors: a chunk of a block's anchors, its means,
  const int64_t left = packedBytes(use.a, most, depths_.block);
  const PackedOperand leftMeans(exact.a, exact.packA, means, depths_);
  // and what flows back into its scores.
  const int64_t back =
      gradient ? std::max(packedBytes(use.a, 2 * width, most), packedBytes(exact.a, 2 * width, means)) : 0;
  left_ = take(std::max({left, leftMeans.bytes(), back}));
  scores_ = take(most * 2 * width * 4);
  weights_ = take(most * width * 4);
  gramWeights_ = take(classRows * width * 4);
  packedWeights_ = take(packedBytes(exact.b, width, classRows));
  along_ = take(width * 4);
  inverseNorm_ = take(width * 4);
  scale_ = take(width * 4);
  widened_ = take(table.split() ? most * d * 4 : 0);
  means_ = take(means * 2 * width * 4);
  if (!gradient) return;
  dscores_ = take(most * 2 * width * 4);
  sums_ = take(means * 2 * width * 4);
  right_ = take(std::max(packedBytes(use.b, columns_.block, most), packedBytes(exact.b, d, means)));
}

int64_t AnchorPass::take(int64_t bytes) {
  const int64_t at = bytes_;
  bytes_ += Workspace::aligned(bytes);
  return at;
}

void AnchorPass::score(const AnchorBlock& block, const QueryTile& tile, float* kept) {
  const GemmPrecision& use = table_.product();
  const int64_t columns = 2 * tile.width, d = table_.width;
  float* const scores = kept == nullptr ? floats(scores_) : kept + keptAt(block, tile);
  scored_ = scores;
  const float* anchors = rows(block);
  char* const left = memory_ + left_;
  for (int64_t i = 0; i < depths_.count; ++i) {
    const int64_t size = depths_.size(i);
    use.packA({anchors + depths_.first(i), d, false}, block.rows, size, left);
    use.multiply(block.rows, columns, size, left, tile.factors.chunk(0, i), scores, columns, i > 0);
  }
  if (!table_.split()) return;
  const GemmPrecision& exact = table_.exact();
  PackedOperand means(exact.a, exact.packA, block.classes, depths_);
  means.place(left);
  means.pack({table_.mean(block.firstClass), d, false}, 0, block.classes);
  multiplyBlock(exact, block.classes, columns, means, 0, tile.exact, 0, floats(means_), columns);
  for (int64_t i = 0; i < block.classes; ++i) {
    const int64_t c = block.firstClass + i, row = table_.firstRow[static_cast<size_t>(c)] - block.firstRow;
    table_.kernels->addRow(table_.count(c), columns, floats(means_) + i * columns, scores + row * columns);
  }
}

void AnchorPass::recall(const AnchorBlock& block, const QueryTile& tile, const float* kept) {
  scored_ = kept + keptAt(block, tile);
}

AnchorTile AnchorPass::attend(const AnchorBlock& block, const QueryTile& tile, int64_t c) {
  const int64_t count = table_.count(c), row = table_.firstRow[static_cast<size_t>(c)],
                local = row - block.firstRow;
  const int64_t width = tile.width;
  const AnchorTile made{count,
                        width,
                        table_.keyScale.data() + row,
                        scored_ + local * 2 * width,
                        floats(weights_) + local * width,
                        floats(gramWeights_),
                        floats(along_),
                        floats(inverseNorm_)};
  table_.kernels->softmax(made);
  const GemmPrecision& exact = table_.exact();
  exact.packB({made.weights, width, true}, width, count, memory_ + packedWeights_);
  exact.multiply(count, width, count, table_.gram.at(table_.gramAt[static_cast<size_t>(c)]),
                 memory_ + packedWeights_, made.gramWeights, width, false);
  table_.kernels->norm(made);
  return made;
}

void AnchorPass::differentiate(const AnchorTile& attended, const float* scale, bool detachNorm) {
  table_.kernels->gradient(attended, scale, detachNorm, floats(dscores_) + (attended.scores - scored_));
}

void AnchorPass::accumulate(const AnchorBlock& block, const QueryTile& tile, bool add, float* gradient) {
  const GemmPrecision& use = table_.product();
  const int64_t d = table_.width, lines = 2 * tile.width, depth = block.rows;
  const float* anchors = rows(block);
  char *const left = memory_ + left_, *const right = memory_ + right_;
  use.packA({floats(dscores_), lines, true}, lines, depth, left);
  for (int64_t j = 0; j < columns_.count; ++j) {
    const int64_t first = columns_.first(j), size = columns_.size(j);
    use.packB({anchors + first, d, true}, size, depth, right);
    use.multiply(lines, size, depth, left, right, gradient + first, d, add);
  }
  if (table_.split()) multiplyMeans(block, tile, gradient);
}

/** Adds the part of the classes' means: (the sum over each class's anchors) times its mean. */
void AnchorPass::multiplyMeans(const AnchorBlock& block, const QueryTile& tile, float* gradient) {
  const GemmPrecision& exact = table_.exact();
  const int64_t d = table_.width, lines = 2 * tile.width, classes = block.classes;
  float* const sums = floats(sums_);
  for (int64_t i = 0; i < classes; ++i) {
    const int64_t c = block.firstClass + i, local = table_.firstRow[static_cast<size_t>(c)] - block.firstRow;
    table_.kernels->sumRows(table_.count(c), lines, floats(dscores_) + local * lines, sums + i * lines);
  }
  exact.packA({sums, lines, true}, lines, classes, memory_ + left_);
  exact.packB({table_.mean(block.firstClass), d, true}, d, classes, memory_ + right_);
  exact.multiply(lines, d, classes, memory_ + left_, memory_ + right_, gradient, d, true);
}

}  // namespace vlltr
