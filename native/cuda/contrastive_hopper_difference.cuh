#pragma once

#include <cuda_bf16.h>

#include <cstdint>

#include "cuda/contrastive_hopper_lines.cuh"
#include "cuda/contrastive_math.h"
#include "cuda/contrastive_similarity.cuh"
#include "cuda/hopper.cuh"

/** The backward pass's epilogue on Hopper: a tile of dS, without its factor dloss / 2N, from one of S and of
 * the teacher's. What the teacher and the targets subtract is kept until the student's similarities are
 * there. */
namespace vlltr::cuda {

template <bool kTeacher, bool kSplit>
struct HopperDifference {
  // A warp stores its 16 rows in boxes of 64 columns.
  static constexpr int kBoxColumns = 64, kBoxRows = 16, kBoxBytes = kBoxRows * kBoxColumns * 2;
  static constexpr int kBoxes = 4 * hopper::kConsumers * (1 + kSplit);
  static constexpr int kLineBytes = sizeof(HopperLineTile);
  static constexpr int kOfPiece = 2, kAllPieces = 16 / kOfPiece, kPieces = kTeacher ? kAllPieces : 0;
  static constexpr int kOfBox = kBoxColumns / 8 / kOfPiece;  // pieces
  using Kept = hopper::Kept<kTeacher ? 8 : 0>;
  static constexpr int kScratch = kBoxes * kBoxBytes + Kept::kBytes;

  CUtensorMap high, low;  // dS
  const ContrastiveScalars* scalars;
  // Logarithms of the block's lines, natural, where a tile's lines are too far apart for one exponential.
  ContrastiveStatistics rows, columns;
  TargetFactors target;
  float distillWeight;
  double* products;  // a warp's sum of dS S, without S's factor: 4 of each multiplying warpgroup; added to

  /**
   * An element's softmaxes along row and column, times a factor. One exponential serves both where a tile's
   * lines are near: 2^(s - least) (2^(least - row) + 2^(least - column)).
   */
  struct Both {
    float least, row[2], column;  // factors; the row's are of this thread's two
    bool together;
  };

  struct State {
    __device__ __forceinline__ explicit State(const HopperDifference& of)
        : scale(of.scalars->scale * kLog2E), teacherScale(of.scalars->teacherScale * kLog2E) {}

    float scale, teacherScale;
    double product = 0;  // this thread's, of all tiles
    // Of the tile at hand.
    Both both;
    float match[2];  // of this thread's rows
    int32_t labels[2];
    float total;
  };

  __device__ __forceinline__ void early(int piece, const hopper::Tile& tile, const float (&sums)[16][4],
                                        Kept& kept, State& state) const {
    if constexpr (kTeacher) {
      const HopperLineTile &row = rowLines(tile), &column = columnLines(tile);
      if (piece == 0) {
        begin(tile, state);
        state.both = bothOf(tile, row.range.z, row.range.w, column.range.z, column.range.w, row.teacherFactor,
                            distillWeight);
      }
#pragma unroll
      for (int k = 0; k < kOfPiece; ++k) {
        const int j = piece * kOfPiece + k;
        float s[4], d[4], targets[4];
#pragma unroll
        for (int i = 0; i < 4; ++i) s[i] = sums[j][i];
        targetsOf(j, column, state, targets);
        if (state.both.together) {
          softmaxes(j, s, state.both, state.teacherScale, column.teacherFactor, targets, d);
        } else {
          softmaxesApart(j, tile, s, state.teacherScale, rows.teacherLse, columns.teacherLse, distillWeight,
                         targets, d);
        }
        kept.put(j, d);
      }
    }
  }

  __device__ __forceinline__ void late(int piece, const hopper::Tile& tile, const float (&sums)[16][4],
                                       const Kept& kept, State& state) const {
    const HopperLineTile &row = rowLines(tile), &column = columnLines(tile);
    if (piece == 0) {
      if (!kTeacher) begin(tile, state);
      state.both = bothOf(tile, row.range.x, row.range.y, column.range.x, column.range.y, row.factor, 1);
      state.total = 0;
    }
    uint32_t packed[kOfPiece][2], rest[kOfPiece][2];
#pragma unroll
    for (int k = 0; k < kOfPiece; ++k) {
      const int j = piece * kOfPiece + k;
      float s[4], d[4], less[4];
      if constexpr (kTeacher) {
        kept.get(j, less);
      } else {
        targetsOf(j, column, state, less);
      }
#pragma unroll
      for (int i = 0; i < 4; ++i) s[i] = sums[j][i], less[i] = -less[i];
      if (state.both.together) {
        softmaxes(j, s, state.both, state.scale, column.factor, less, d);
      } else {
        softmaxesApart(j, tile, s, state.scale, rows.lse, columns.lse, 1, less, d);
      }
#pragma unroll
      for (int i = 0; i < 4; ++i) state.total = fmaf(d[i], s[i], state.total);
      pack(d, packed[k], rest[k]);
    }
    store(tile, piece, packed, rest);
    if (piece == kAllPieces - 1) state.product += state.total;
  }

  /** Without a teacher. */
  __device__ __forceinline__ void operator()(const hopper::Tile& tile, float (&sums)[1][16][4],
                                             State& state) const {
    const Kept none(nullptr);
#pragma unroll
    for (int piece = 0; piece < kAllPieces; ++piece) late(piece, tile, sums[0], none, state);
  }

  __device__ __forceinline__ void finish(State& state) const {
    double product = state.product;
    if (threadIdx.x % 32 == 0) hopper::awaitStores();
#pragma unroll
    for (int step = 1; step < 32; step *= 2) product += __shfl_xor_sync(~0u, product, step);
    if (threadIdx.x % 32 == 0) {
      products[(blockIdx.x * hopper::kConsumers + hopper::Tile::warpgroup()) * 4 + hopper::Tile::warp()] +=
          product;
    }
  }

 private:
  static __device__ __forceinline__ const HopperLineTile& rowLines(const hopper::Tile& tile) {
    return *reinterpret_cast<const HopperLineTile*>(tile.rowLines);
  }
  static __device__ __forceinline__ const HopperLineTile& columnLines(const hopper::Tile& tile) {
    return *reinterpret_cast<const HopperLineTile*>(tile.columnLines);
  }
  /** This thread's first row among the lines; the second is 8 below. */
  static __device__ __forceinline__ int rowAt() {
    return hopper::Tile::warpgroup() * 64 + hopper::Tile::threadRow();
  }

  __device__ __forceinline__ void begin(const hopper::Tile& tile, State& state) const {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      state.labels[half] = rowLines(tile).label[rowAt() + 8 * half];
      state.match[half] = fmaf(target.match, rowLines(tile).weight[rowAt() + 8 * half], target.smooth);
    }
  }

  /** The tile is to be whole, for one exponential. */
  static __device__ __forceinline__ Both bothOf(const hopper::Tile& tile, float rowLeast, float rowMost,
                                                float columnLeast, float columnMost,
                                                const float (&rowFactors)[kHopperLines], float times) {
    Both both;
    both.least = fminf(rowLeast, columnLeast);
    both.together = tile.row + 64 <= tile.rows && tile.column + 128 <= tile.columns &&
                    fmaxf(rowMost, columnMost) - both.least <= kSpread;
    const float row = times * exp2Fast(both.least - rowLeast);
    both.row[0] = row * rowFactors[rowAt()], both.row[1] = row * rowFactors[rowAt() + 8];
    both.column = times * exp2Fast(both.least - columnLeast);
    return both;
  }

  __device__ __forceinline__ void targetsOf(int j, const HopperLineTile& column, const State& state,
                                            float (&targets)[4]) const {
    const int2 label = *reinterpret_cast<const int2*>(&column.label[hopper::Tile::threadColumn() + 8 * j]);
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      targets[i] =
          (i % 2 == 0 ? label.x : label.y) == state.labels[i / 2] ? state.match[i / 2] : target.smooth;
    }
  }

  /** With `more` added. */
  static __device__ __forceinline__ void softmaxes(int j, const float (&s)[4], const Both& both, float scale,
                                                   const float (&columnFactors)[kHopperLines],
                                                   const float (&more)[4], float (&d)[4]) {
    const float2 column =
        *reinterpret_cast<const float2*>(&columnFactors[hopper::Tile::threadColumn() + 8 * j]);
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const float factor = fmaf(i % 2 == 0 ? column.x : column.y, both.column, both.row[i / 2]);
      d[i] = fmaf(exp2Fast(fmaf(s[i], scale, -both.least)), factor, more[i]);
    }
  }

  /** The same of any tile; 0 where there is no element. */
  static __device__ __forceinline__ void softmaxesApart(int j, const hopper::Tile& tile, const float (&s)[4],
                                                        float scale, const float* rowLse,
                                                        const float* columnLse, float times,
                                                        const float (&more)[4], float (&d)[4]) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int y = tile.row + hopper::Tile::threadRow() + i / 2 * 8;
      const int x = tile.column + hopper::Tile::threadColumn() + 8 * j + i % 2;
      d[i] = 0;
      if (y >= tile.rows || x >= tile.columns) continue;
      const float e = s[i] * scale;
      const float both = exp2Fast(fmaf(rowLse[y], -kLog2E, e)) + exp2Fast(fmaf(columnLse[x], -kLog2E, e));
      d[i] = fmaf(times, both, more[i]);
    }
  }

  static __device__ __forceinline__ void pack(const float (&d)[4], uint32_t (&packed)[2],
                                              uint32_t (&rest)[2]) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const __nv_bfloat162 rounded = __floats2bfloat162_rn(d[2 * half], d[2 * half + 1]);
      packed[half] = reinterpret_cast<const uint32_t&>(rounded);
      if constexpr (kSplit) {
        const __nv_bfloat162 left = __floats2bfloat162_rn(d[2 * half] - __low2float(rounded),
                                                          d[2 * half + 1] - __high2float(rounded));
        rest[half] = reinterpret_cast<const uint32_t&>(left);
      }
    }
  }

  /** A piece of a box of dS into shared memory, swizzled as the map has it, and whole boxes from there. */
  __device__ __forceinline__ void store(const hopper::Tile& tile, int piece,
                                        const uint32_t (&values)[kOfPiece][2],
                                        const uint32_t (&rest)[kOfPiece][2]) const {
    const int lane = threadIdx.x % 32, in = lane % 16, warp = threadIdx.x / 32 - 4;
    const uint32_t box = hopper::sharedAddress(tile.scratch) + warp * kBoxBytes;
    const uint32_t lowBox = box + 4 * hopper::kConsumers * kBoxBytes;
    if (piece % kOfBox == 0) {
      if (lane == 0) hopper::awaitStoresRead();
      __syncwarp();
    }
    const uint32_t at = in * 128 + ((piece % kOfBox * kOfPiece + lane / 16) ^ (in & 7)) * 16;
    hopper::storeMatrices(box + at, values[0][0], values[0][1], values[1][0], values[1][1]);
    if constexpr (kSplit) hopper::storeMatrices(lowBox + at, rest[0][0], rest[0][1], rest[1][0], rest[1][1]);
    if (piece % kOfBox != kOfBox - 1) return;
    hopper::publishStores();
    __syncwarp();
    if (lane != 0) return;
    const int row = tile.row + hopper::Tile::warp() * kBoxRows;
    const int column = tile.column + piece / kOfBox * kBoxColumns;
    hopper::storeBox(&high, column, row, box);
    if constexpr (kSplit) hopper::storeBox(&low, column, row, lowBox);
  }
};

}  // namespace vlltr::cuda
