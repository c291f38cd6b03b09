// Hopper's products around the attention: scores of the classes' means, and gradients of scores with anchors.
#include <algorithm>

#include "cuda/anchor_hopper.h"
#include "cuda/hopper.cuh"
#include "cuda/hopper_add.cuh"

namespace vlltr::cuda {
namespace {

using hopper::Form;
using hopper::Major;
using hopper::Share;
using Means = Form<128, 1, Major::kDepth, Major::kDepth>;
template <Share kShare>
using Gradient = Form<256, 1, Major::kDepth, Major::kBreadth, kShare>;
constexpr Share kWide = Share::kA, kNarrow = Share::kB;
constexpr int64_t kNarrowWidth = 256;  // of one block's tile

/** Each cluster's share of a tile's steps has a matrix of its own. */
struct AddPart {
  static constexpr int kScratch = 0, kLineBytes = 0, kPieces = 0;
  float* to;  // [parts][rows, columns]
  bool add;

  struct State {
    __device__ explicit State(const AddPart&) {}
  };
  __device__ void finish(State&) const {}

  template <int kFragments>
  __device__ __forceinline__ void operator()(const hopper::Tile& tile, float (&sums)[1][kFragments][4],
                                             State&) const {
    const int first = tile.column + hopper::Tile::threadColumn(), row = tile.row + hopper::Tile::threadRow();
    float* const line = to + (static_cast<int64_t>(tile.later) * tile.rows + row) * tile.columns;
    const bool pairs = tile.columns % 2 == 0;  // of an odd width every second line is not aligned
#pragma unroll
    for (int j = 0; j < kFragments; ++j) {
      const int left = tile.columns - first - 8 * j;
      float* const at = line + first + 8 * j;
      if (row < tile.rows) put(at, left, pairs, sums[0][j][0], sums[0][j][1]);
      if (row + 8 < tile.rows) put(at + 8 * tile.columns, left, pairs, sums[0][j][2], sums[0][j][3]);
    }
  }

 private:
  __device__ __forceinline__ void put(float* at, int left, bool pairs, float x, float y) const {
    if (left <= 0) return;
    if (add) {
      x += at[0];
      if (left > 1) y += at[1];
    }
    if (pairs) {
      *reinterpret_cast<float2*>(at) = {x, y};
    } else {
      at[0] = x;
      if (left > 1) at[1] = y;
    }
  }
};

HopperMatrix across(const uint16_t* high, const uint16_t* low, int64_t first, int64_t rows, int64_t width,
                    int64_t stride) {
  return {high + first * stride, rows, width, stride, low == nullptr ? 0 : low - high};
}

Status add(const Device::Data& device, const HopperMatrix& gradient, const HopperMatrix& factor,
           const AddPart& epilogue) {
  hopper::Manner manner;
  manner.spread = true, manner.rightFirst = true;
  if (factor.columns > kNarrowWidth) {
    return hopper::launch<Gradient<kWide>>(device, {gradient}, {factor}, epilogue, manner);
  }
  return hopper::launch<Gradient<kNarrow>>(device, {gradient}, {factor}, epilogue, manner);
}

int64_t ceilDivide(int64_t a, int64_t b) { return (a + b - 1) / b; }

/** Clusters that share a tile at most, where all steps of all tiles are spread over them (hopper::Work). */
int64_t parts(const Device& device, int64_t lines, int64_t width, int64_t depth, int64_t terms) {
  const bool wide = width > kNarrowWidth;
  const int64_t tiles = ceilDivide(lines, wide ? 128 : 256) * ceilDivide(width, wide ? 512 : 256);
  const int64_t steps = ceilDivide(depth, hopper::kDeep) * terms;
  const int64_t clusters = std::min<int64_t>(tiles * steps, device.card().multiprocessors / 2);
  const int64_t share = tiles * steps / std::max<int64_t>(1, clusters);
  return steps < 2 ? 1 : (steps - 2) / share + 2;
}

int64_t meanTiles(int64_t batch, int64_t classes) {
  return ceilDivide(2 * batch, 128) * ceilDivide(classes, 128);
}

}  // namespace

int64_t hopperTurns(int64_t batch, int64_t mostClasses) {
  return meanTiles(batch, mostClasses) * hopper::kConsumers;
}

Status scoreMeansHopper(const Device& device, const AttendCall& call, const AnchorQuery& query, int* turns) {
  const AnchorTableMemory& table = *call.table;
  const HopperMatrix queries = {query.factors, 2 * query.batch, query.stride, query.stride, query.low()};
  const HopperMatrix means = across(table.meanHigh, table.meanLow, call.chunk.firstClass, call.chunk.classes,
                                    table.stride, table.stride);
  hopper::Manner manner;
  // Turns cost more than what a few blocks too many wait.
  manner.spread = 2 * meanTiles(query.batch, call.chunk.classes) <= device.card().multiprocessors;
  return hopper::launch<Means>(device.data(), {queries}, {means},
                               hopper::Add{call.scores.means, query.one, false, turns}, manner);
}

int64_t hopperGradientParts(const Device& device, const AnchorTableMemory& table, int64_t batch,
                            int64_t width, const AnchorChunk& chunk) {
  const int64_t ofAnchors = parts(device, 2 * batch, width, chunk.rows, table.split() ? 1 : 3);
  if (!table.split()) return ofAnchors;
  return std::max(ofAnchors, parts(device, 2 * batch, width, chunk.classes, 3));
}

Status accumulateHopper(const Device& device, const AnchorTableMemory& table, const AnchorQuery& query,
                        const AnchorChunk& chunk, const AnchorScores& scores, bool first, float* partial) {
  const int64_t lines = 2 * query.batch;
  const HopperMatrix gradient = {scores.gradient, lines, chunk.rows, scores.stride, scores.gradientLow};
  const HopperMatrix anchors =
      across(table.high, table.low, chunk.firstRow, chunk.rows, query.width, table.stride);
  VLLTR_RETURN_IF_ERROR(add(device.data(), gradient, anchors, {partial, !first}));
  if (!table.split()) return Status();
  const HopperMatrix sums = {scores.sums, lines, chunk.classes, scores.classStride, scores.sumsLow};
  const HopperMatrix means =
      across(table.meanHigh, table.meanLow, chunk.firstClass, chunk.classes, query.width, table.stride);
  return add(device.data(), sums, means, {partial, true});
}

}  // namespace vlltr::cuda
