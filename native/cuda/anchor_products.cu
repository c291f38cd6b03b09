// The large products of the attention: queries with anchors, and gradients of scores with anchors.
#include <algorithm>

#include "cuda/anchor_products.h"
#include "cuda/device.h"
#include "cuda/gemm.cuh"
#include "cuda/launch.cuh"

namespace vlltr::cuda {
namespace {

const __nv_bfloat16* bfloats(const uint16_t* data) { return reinterpret_cast<const __nv_bfloat16*>(data); }

/** The chunk's anchors, without the means of a split table; as many terms as their parts ask for. */
Factor anchors(const AnchorTableMemory& table, const AnchorChunk& chunk) {
  return {bfloats(table.high) + chunk.firstRow * table.stride, table.stride,
          table.low == nullptr ? 0 : table.low - table.high, static_cast<int>(chunk.rows),
          static_cast<int>(table.stride)};
}

Factor means(const AnchorTableMemory& table, const AnchorChunk& chunk) {
  return {bfloats(table.meanHigh) + chunk.firstClass * table.stride, table.stride,
          table.meanLow - table.meanHigh, static_cast<int>(chunk.classes), static_cast<int>(table.stride)};
}

Factor queries(const AnchorQuery& query) {
  return {bfloats(query.factors), query.stride, query.low(), static_cast<int>(2 * query.batch),
          static_cast<int>(query.stride)};
}

/** A factor stored by lines as one stored by depths. */
Factor across(const Factor& from, int64_t lines) {
  return {from.data, from.ld, from.low, static_cast<int>(lines), from.lines};
}

struct Score {
  Product product;
  AnchorScores to;
  const float* keyScale;   // of the chunk's first anchor
  const int32_t* classOf;  // the same
  int batch, firstClass, classes;
};

using ScoreShape = GemmShape<false, false>;

__global__ void __launch_bounds__(ScoreShape::kThreads, 2) scoreKernel(const __grid_constant__ Score call) {
  VLLTR_DYNAMIC_SHARED(char, shared, __align__(128));
  const int rows = call.product.a.lines, columns = call.product.b.lines;
  // Blocks that run together share anchors, of which there are many more than queries.
  const int tilesDown = (rows + ScoreShape::kM - 1) / ScoreShape::kM;
  const int firstRow = static_cast<int>(blockIdx.x) % tilesDown * ScoreShape::kM;
  const int firstColumn = static_cast<int>(blockIdx.x) / tilesDown * ScoreShape::kN;
  gemmTile<ScoreShape>(shared, call.product, firstRow, firstColumn,
                       [&](float left, float right, int row, int column) {
                         if (row >= rows) return;
                         float values[2] = {left, right};
                         float* to = call.to.scores + row * call.to.stride + column;
#pragma unroll
                         for (int i = 0; i < 2; ++i) {
                           if (column + i >= columns) return;
                           if (call.to.means != nullptr) {
                             const int c = call.classOf[column + i] - call.firstClass;
                             values[i] += call.to.means[static_cast<int64_t>(row) * call.classes + c];
                           }
                           if (row < call.batch) values[i] *= call.keyScale[column + i];
                           to[i] = values[i];
                         }
                       });
}

struct Accumulate {
  Product product;
  int partDepth;  // a multiple of kTileK; no part is empty
  bool first;
  float* partial;  // [parts][2 B, D]
};

using GradientShape = GemmShape<false, true>;
constexpr int kGradientShared = GradientShape::kSharedBytes + static_cast<int>(sizeof(Product));

__global__ void __launch_bounds__(GradientShape::kThreads, 2)
    accumulateKernel(const __grid_constant__ Accumulate call) {
  VLLTR_DYNAMIC_SHARED(char, shared, __align__(128));
  const int rows = call.product.a.lines, columns = call.product.b.lines;
  const int tilesDown = (rows + GradientShape::kM - 1) / GradientShape::kM;
  const int firstRow = static_cast<int>(blockIdx.x) % tilesDown * GradientShape::kM;
  const int firstColumn = static_cast<int>(blockIdx.x) / tilesDown * GradientShape::kN;
  const int part = static_cast<int>(blockIdx.y), from = part * call.partDepth;
  // In shared memory: the threads' way through it is told by a pointer, which registers cannot have.
  Product& product = *reinterpret_cast<Product*>(shared + GradientShape::kSharedBytes);
  if (threadIdx.x == 0) {
    product = call.product;
    product.a.data += from;
    product.b.data += from * product.b.ld;
    product.a.depth = product.b.depth = min(call.partDepth, call.product.b.depth - from);
  }
  __syncthreads();
  float* const partial = call.partial + static_cast<int64_t>(part) * rows * columns;
  gemmTile<GradientShape>(shared, product, firstRow, firstColumn,
                          [&](float left, float right, int row, int column) {
                            if (row >= rows) return;
                            float* to = partial + static_cast<int64_t>(row) * columns + column;
                            if (column < columns) to[0] = call.first ? left : to[0] + left;
                            if (column + 1 < columns) to[1] = call.first ? right : to[1] + right;
                          });
}

}  // namespace

Status score(cudaStream_t stream, const AnchorTableMemory& table, const AnchorQuery& query,
             const AnchorChunk& chunk, const AnchorScores& scores) {
  if (chunk.rows == 0) return Status();
  if (table.split()) {
    const Gemm call{{queries(query), means(table, chunk), 3}, scores.means};
    VLLTR_RETURN_IF_ERROR(check(gemm(stream, call, false, false), "scoring means"));
  }
  const Score call{{queries(query), anchors(table, chunk), table.split() ? 1 : 3},
                   scores,
                   table.keyScale + chunk.firstRow,
                   table.classOf + chunk.firstRow,
                   static_cast<int>(query.batch),
                   static_cast<int>(chunk.firstClass),
                   static_cast<int>(chunk.classes)};
  VLLTR_RETURN_IF_ERROR(
      check(allowShared(scoreKernel, ScoreShape::kSharedBytes), "making room for the scores"));
  const int blocks = gemmBlocks<ScoreShape>(call.product.a.lines, call.product.b.lines);
  return check(launch(stream, scoreKernel, blocks, ScoreShape::kThreads, ScoreShape::kSharedBytes, call),
               "scoring anchors");
}

int64_t gradientParts(int64_t batch, int64_t width, int64_t chunkRows, int multiprocessors) {
  const int64_t tiles = gemmBlocks<GradientShape>(static_cast<int>(2 * batch), static_cast<int>(width));
  // Two blocks a multiprocessor; a part should be long beside what it takes to begin and to end.
  constexpr int64_t kLeastDepth = 512;
  return std::clamp<int64_t>(
      std::min(2 * multiprocessors / std::max<int64_t>(1, tiles), chunkRows / kLeastDepth), 1, 64);
}

Status accumulate(cudaStream_t stream, const AnchorTableMemory& table, const AnchorQuery& query,
                  const AnchorChunk& chunk, const AnchorScores& scores, int64_t parts, bool first,
                  float* partial) {
  const auto lines = static_cast<int>(2 * query.batch);
  const Factor gradient{bfloats(scores.gradient), scores.stride, scores.gradientLow, lines,
                        static_cast<int>(chunk.rows)};
  const int64_t depth = roundUp((chunk.rows + parts - 1) / parts, kTileK);
  const Accumulate call{{gradient, across(anchors(table, chunk), query.width), table.split() ? 1 : 3},
                        static_cast<int>(depth),
                        first,
                        partial};
  const int64_t used = (chunk.rows + depth - 1) / depth, partFloats = lines * query.width;
  if (first && used < parts) {
    VLLTR_RETURN_IF_ERROR(check(cudaMemsetAsync(partial + used * partFloats, 0,
                                                static_cast<size_t>((parts - used) * partFloats * 4), stream),
                                "clearing parts of the gradient"));
  }
  VLLTR_RETURN_IF_ERROR(
      check(allowShared(accumulateKernel, kGradientShared), "making room for the gradient"));
  const auto blocks = static_cast<unsigned>(gemmBlocks<GradientShape>(lines, static_cast<int>(query.width)));
  VLLTR_RETURN_IF_ERROR(check(launch(stream, accumulateKernel, dim3(blocks, static_cast<unsigned>(used)),
                                     GradientShape::kThreads, kGradientShared, call),
                              "gathering the gradient of the queries"));
  if (!table.split()) return Status();
  const Factor sums{bfloats(scores.sums), scores.classStride, scores.sumsLow, lines,
                    static_cast<int>(roundUp(chunk.classes, kTileK))};
  Gemm ofMeans{{sums, across(means(table, chunk), query.width), 3}, partial};
  ofMeans.accumulate = true;
  return check(gemm(stream, ofMeans, false, true), "gathering the gradient through means");
}

}  // namespace vlltr::cuda
