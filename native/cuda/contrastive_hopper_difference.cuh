#pragma once

#include <cuda_bf16.h>

#include <cstdint>

#include "cuda/contrastive_hopper_lines.cuh"
#include "cuda/contrastive_math.h"
#include "cuda/contrastive_similarity.cuh"
#include "cuda/hopper.cuh"

/** The backward pass's epilogue on Hopper: a tile of dS, without its factor dloss / 2N, from one of S and of
 * the teacher's. What the teacher and the targets subtract takes the place of the teacher's similarities
 * while the student's are multiplied. */
namespace vlltr::cuda {

template <bool kTeacher, bool kSplit>
struct HopperDifference {
  static constexpr int kBoxColumns = 64, kBoxBytes = 64 * kBoxColumns * 2, kOfBox = kBoxColumns / 8;
  static constexpr int kScratch = hopper::kConsumers * kBoxBytes;
  static constexpr int kLineBytes = sizeof(HopperLineTile);
  static constexpr int kOfPiece = 4, kEarly = kTeacher ? 16 / kOfPiece : 0;

  CUtensorMap high, low;  // dS, in boxes of 64 by 64
  const ContrastiveScalars* scalars;
  // Logarithms of the block's lines, natural, where a tile's lines are too far apart for one exponential.
  ContrastiveStatistics rows, columns;
  TargetFactors target;
  float distillWeight;
  double* products;  // a warp's sum of dS S, without S's factor: 4 of each multiplying warpgroup; added to

  struct State {
    double product = 0;  // this thread's, of all tiles
  };

  __device__ __forceinline__ void early(int piece, const hopper::Tile& tile, float (&sums)[16][4],
                                        State&) const {
    if constexpr (kTeacher) {
      const Lines lines(*this, tile);
      const Both both(lines.row.z, lines.column.z, scalars->teacherScale * kLog2E, distillWeight);
      const bool together = lines.together();
      const auto subtrahend = [&](int j, int i, float softmaxes) {
        sums[j][i] = softmaxes + lines.target(*this, j, i);
      };
#pragma unroll
      for (int j = piece * kOfPiece; j < (piece + 1) * kOfPiece; ++j) {
        if (together) {
#pragma unroll
          for (int i = 0; i < 4; ++i) {
            const float line = lines.rows(i).teacherFactor;
            subtrahend(j, i, both.sum(sums[j][i], line, lines.columns(j, i).teacherFactor));
          }
        } else {
#pragma unroll
          for (int i = 0; i < 4; ++i) {
            const auto [y, x] = lines.at(j, i);
            subtrahend(j, i,
                       !lines.there(j, i)
                           ? 0
                           : both.sumApart(sums[j][i], rows.teacherLse[y], columns.teacherLse[x]));
          }
        }
      }
      pinPiece(sums, piece);
    }
  }

  __device__ __forceinline__ void operator()(const hopper::Tile& tile, float (&sums)[1 + kTeacher][16][4],
                                             State& state) const {
    if (tile.row >= tile.rows) return;
    const Lines lines(*this, tile);
    const Both both(lines.row.x, lines.column.x, scalars->scale * kLog2E, 1);
    const bool together = lines.together();
    float total = 0;
#pragma unroll
    for (int first = 0; first < 16; first += kOfBox) {
      uint32_t packed[kOfBox][2], rest[kOfBox][2];
#pragma unroll
      for (int k = 0; k < kOfBox; ++k) {
        const int j = first + k;
        float d[4];
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          const float s = sums[kTeacher][j][i];
          const float less = kTeacher ? sums[0][j][i] : lines.target(*this, j, i);
          if (together) {
            d[i] = both.sum(s, lines.rows(i).factor, lines.columns(j, i).factor) - less;
          } else if (!lines.there(j, i)) {
            d[i] = 0;
          } else {
            const auto [y, x] = lines.at(j, i);
            d[i] = both.sumApart(s, rows.lse[y], columns.lse[x]) - less;
          }
          total = fmaf(d[i], s, total);
        }
        pack(d, packed[k], rest[k]);
      }
      store(tile, first * 8, packed, &high);
      if constexpr (kSplit) store(tile, first * 8, rest, &low);
    }
    state.product += total;
  }

  __device__ __forceinline__ void finish(State& state) const {
    double product = state.product;
    if (threadIdx.x % 128 == 0) hopper::awaitStores();
#pragma unroll
    for (int step = 1; step < 32; step *= 2) product += __shfl_xor_sync(~0u, product, step);
    if (threadIdx.x % 32 == 0) {
      products[(blockIdx.x * hopper::kConsumers + hopper::Tile::warpgroup()) * 4 + hopper::Tile::warp()] +=
          product;
    }
  }

 private:
  /** This thread's lines of a tile: rows of elements [0], [1] and [2], [3] of each fragment, two columns in
   * each. */
  struct Lines {
    __device__ __forceinline__ Lines(const HopperDifference& call, const hopper::Tile& at)
        : tile(at),
          rowTile(*reinterpret_cast<const HopperLineTile*>(at.rowLines)),
          columnTile(*reinterpret_cast<const HopperLineTile*>(at.columnLines)),
          row(rowTile.range),
          column(columnTile.range) {}

    /** The tile is whole, and its lines are near enough to each other for one exponential. */
    __device__ __forceinline__ bool together() const {
      return tile.row + 64 <= tile.rows && tile.column + 128 <= tile.columns &&
             fmaxf(row.y, column.y) - fminf(row.x, column.x) <= kSpread &&
             (!kTeacher || fmaxf(row.w, column.w) - fminf(row.z, column.z) <= kSpread);
    }
    __device__ __forceinline__ const HopperLine& rows(int i) const {
      return rowTile.lines[hopper::Tile::warpgroup() * 64 + hopper::Tile::threadRow() + i / 2 * 8];
    }
    __device__ __forceinline__ const HopperLine& columns(int j, int i) const {
      return columnTile.lines[hopper::Tile::threadColumn() + 8 * j + i % 2];
    }
    struct At {
      int row, column;
    };
    __device__ __forceinline__ At at(int j, int i) const {
      return {tile.row + hopper::Tile::threadRow() + i / 2 * 8,
              tile.column + hopper::Tile::threadColumn() + 8 * j + i % 2};
    }
    __device__ __forceinline__ bool there(int j, int i) const {
      return at(j, i).row < tile.rows && at(j, i).column < tile.columns;
    }
    __device__ __forceinline__ float target(const HopperDifference& call, int j, int i) const {
      const bool same = columns(j, i).label == rows(i).label;
      return call.target.smooth + (same ? call.target.match * rows(i).weight : 0.f);
    }

    const hopper::Tile& tile;
    const HopperLineTile &rowTile, &columnTile;
    const float4 row, column;
  };

  /** The sum of an element's softmaxes along row and column, times a factor. One exponential serves both
   * where lines are near: 2^(s - least) (2^(least - row) + 2^(least - column)). */
  struct Both {
    __device__ __forceinline__ Both(float rowLeast, float columnLeast, float by, float times)
        : scale(by),
          factor(times),
          least(fminf(rowLeast, columnLeast)),
          row(times * exp2Fast(least - rowLeast)),
          column(times * exp2Fast(least - columnLeast)) {}
    __device__ __forceinline__ float sum(float s, float rowFactor, float columnFactor) const {
      return exp2Fast(fmaf(s, scale, -least)) * fmaf(columnFactor, column, rowFactor * row);
    }
    __device__ __forceinline__ float sumApart(float s, float rowLse, float columnLse) const {
      const float x = s * scale;
      return factor * (exp2Fast(fmaf(rowLse, -kLog2E, x)) + exp2Fast(fmaf(columnLse, -kLog2E, x)));
    }
    float scale, factor, least, row, column;
  };

  static __device__ __forceinline__ void pinPiece(float (&sums)[16][4], int piece) {
#pragma unroll
    for (int j = piece * kOfPiece; j < (piece + 1) * kOfPiece; ++j) {
      asm volatile("" : "+f"(sums[j][0]), "+f"(sums[j][1]), "+f"(sums[j][2]), "+f"(sums[j][3]));
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

  /** A box of dS by way of shared memory, swizzled as the map has it. */
  __device__ __forceinline__ void store(const hopper::Tile& tile, int first,
                                        const uint32_t (&values)[kOfBox][2], const CUtensorMap* map) const {
    const int warpgroup = hopper::Tile::warpgroup();
    const uint32_t box = hopper::sharedAddress(tile.scratch) + warpgroup * kBoxBytes;
    const int lane = threadIdx.x % 32, in = hopper::Tile::warp() * 16 + lane % 16;
    if (threadIdx.x % 128 == 0) hopper::awaitStoresRead();
    hopper::synchronizeThreads(1 + warpgroup, 128);
#pragma unroll
    for (int j = 0; j < kOfBox; j += 2) {
      const uint32_t piece = (j + lane / 16) ^ (in & 7);
      hopper::storeMatrices(box + in * 128 + piece * 16, values[j][0], values[j][1], values[j + 1][0],
                            values[j + 1][1]);
    }
    hopper::publishStores();
    hopper::synchronizeThreads(1 + warpgroup, 128);
    if (threadIdx.x % 128 == 0) hopper::storeBox(map, tile.column + first, tile.row, box);
  }
};

}  // namespace vlltr::cuda
