#include "ops/anchor_pass.h"

#include <algorithm>
#include <cstring>

#include "vlltr/thread_pool.h"

namespace vlltr {
namespace {

constexpr int64_t kVector = 16;  // floats of the widest vector

int64_t rounded(int64_t count) { return (count + kVector - 1) / kVector * kVector; }

}  // namespace

Status makeQueryTiles(const AnchorTable::Data& table, int64_t batch, const AnchorQuery& query,
                      QueryTiles* made) {
  const int64_t d = table.width;
  const Blocks images(batch, std::max(kVector, table.gemm->block / 2), kVector);
  const GemmPrecision &use = table.product(), &exact = table.exact();
  const Blocks depths(d, table.gemm->block, std::max(use.b.depthStep, exact.b.depthStep));
  int64_t bytes = 0;
  std::vector<int64_t> at;
  for (int64_t t = 0; t < images.count; ++t) {
    const int64_t width = rounded(images.size(t));
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
      depths_(table.width, table.gemm->block,
              std::max(table.product().b.depthStep, table.exact().b.depthStep)) {
  const int64_t most = table.mostRows, width = tiles.width, d = table.width, classRows = table.mostClassRows;
  const GemmPrecision &use = table.product(), &exact = table.exact();
  const int64_t means = table.split() ? table.mostClasses : 0;
  // As left factors: a block's anchors, its means,
  const PackedOperand left(use.a, use.packA, most, depths_), leftMeans(exact.a, exact.packA, means, depths_);
  // and what flows back into its scores.
  const int64_t back =
      gradient ? std::max(packedBytes(use.a, width, most), packedBytes(exact.a, width, means)) : 0;
  left_ = take(std::max({left.bytes(), leftMeans.bytes(), back}));
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
  dkeys_ = take(most * width * 4);
  dvalues_ = take(most * width * 4);
  sums_ = take(means * width * 4);
  const Blocks columns(d, table.gemm->block, use.b.rows);
  right_ =
      take(std::max(columns.count * packedBytes(use.b, columns.block, most), packedBytes(exact.b, d, means)));
}

int64_t AnchorPass::take(int64_t bytes) {
  const int64_t at = bytes_;
  bytes_ += Workspace::aligned(bytes);
  return at;
}

bool AnchorPass::reserve() { return memory_.reserve(bytes_); }

void AnchorPass::score(const AnchorBlock& block, const QueryTile& tile) {
  const GemmPrecision& use = table_.product();
  const int64_t columns = 2 * tile.width;
  PackedOperand left(use.a, use.packA, block.rows, depths_);
  left.place(memory_.at(left_));
  left.pack({rows(block), table_.width, false}, 0, block.rows);
  multiplyBlock(use, block.rows, columns, left, 0, tile.factors, 0, floats(scores_), columns);
  if (!table_.split()) return;
  const GemmPrecision& exact = table_.exact();
  PackedOperand means(exact.a, exact.packA, block.classes, depths_);
  means.place(memory_.at(left_));
  means.pack({table_.mean(block.firstClass), table_.width, false}, 0, block.classes);
  multiplyBlock(exact, block.classes, columns, means, 0, tile.exact, 0, floats(means_), columns);
  for (int64_t i = 0; i < block.classes; ++i) {
    const int64_t c = block.firstClass + i, row = table_.firstRow[static_cast<size_t>(c)] - block.firstRow;
    table_.kernels->addRow(table_.count(c), columns, floats(means_) + i * columns,
                           floats(scores_) + row * columns);
  }
}

AnchorTile AnchorPass::attend(const AnchorBlock& block, const QueryTile& tile, int64_t c) {
  const int64_t count = table_.count(c), row = table_.firstRow[static_cast<size_t>(c)],
                local = row - block.firstRow;
  const int64_t width = tile.width;
  const AnchorTile made{count,
                        width,
                        table_.keyScale.data() + row,
                        floats(scores_) + local * 2 * width,
                        floats(weights_) + local * width,
                        floats(gramWeights_),
                        floats(along_),
                        floats(inverseNorm_)};
  table_.kernels->softmax(made);
  const GemmPrecision& exact = table_.exact();
  exact.packB({made.weights, width, true}, width, count, memory_.at(packedWeights_));
  exact.multiply(count, width, count, table_.gram.at(table_.gramAt[static_cast<size_t>(c)]),
                 memory_.at(packedWeights_), made.gramWeights, width, false);
  table_.kernels->norm(made);
  return made;
}

void AnchorPass::differentiate(const AnchorTile& attended, const float* scale, bool detachNorm) {
  const int64_t at = attended.weights - floats(weights_);
  table_.kernels->gradient(attended, scale, detachNorm, floats(dkeys_) + at, floats(dvalues_) + at);
}

void AnchorPass::accumulate(const AnchorBlock& block, const QueryTile& tile, float* du, float* dunit) {
  if (block.rows == 0) return;
  const GemmPrecision& use = table_.product();
  const int64_t d = table_.width, width = tile.width, depth = block.rows;
  const Blocks columns(d, table_.gemm->block, use.b.rows);
  const int64_t columnBytes = packedBytes(use.b, columns.block, depth);
  const float* anchors = rows(block);
  for (int64_t j = 0; j < columns.count; ++j) {
    use.packB({anchors + columns.first(j), d, true}, columns.size(j), depth,
              memory_.at(right_ + j * columnBytes));
  }
  const auto add = [&](int64_t from, float* to) {
    use.packA({floats(from), width, true}, width, depth, memory_.at(left_));
    for (int64_t j = 0; j < columns.count; ++j) {
      use.multiply(width, columns.size(j), depth, memory_.at(left_), memory_.at(right_ + j * columnBytes),
                   to + columns.first(j), d, true);
    }
  };
  add(dkeys_, du);
  add(dvalues_, dunit);
  if (!table_.split()) return;
  multiplyMeans(block, tile, floats(dkeys_), du);
  multiplyMeans(block, tile, floats(dvalues_), dunit);
}

/** Adds the part of the classes' means: (the sum over each class's anchors of `from`) times its mean. */
void AnchorPass::multiplyMeans(const AnchorBlock& block, const QueryTile& tile, const float* from,
                               float* gradient) {
  const GemmPrecision& exact = table_.exact();
  const int64_t d = table_.width, width = tile.width, classes = block.classes;
  for (int64_t i = 0; i < classes; ++i) {
    const int64_t c = block.firstClass + i, local = table_.firstRow[static_cast<size_t>(c)] - block.firstRow;
    table_.kernels->sumRows(table_.count(c), width, from + local * width, floats(sums_) + i * width);
  }
  exact.packA({floats(sums_), width, true}, width, classes, memory_.at(left_));
  exact.packB({table_.mean(block.firstClass), d, true}, d, classes, memory_.at(right_));
  exact.multiply(width, d, classes, memory_.at(left_), memory_.at(right_), gradient, d, true);
}

}  // namespace vlltr
