// The epilogue of products that are sums over more than one launch or cluster.
#pragma once

#include <cstdint>

#include "cuda/hopper_form.cuh"
#include "cuda/hopper_ptx.cuh"

namespace vlltr::cuda::hopper {

/**
 * to [rows, columns] (+)= factor C, dense at any alignment of 4 bytes. Of a tile whose steps are spread,
 * clusters add one after the other, always in the same order; the memory adds, so that nothing is waited for
 * but the turn.
 */
struct Add {
  static constexpr int kScratch = 0, kLineBytes = 0, kPieces = 0;
  float* to;
  const float* factor;
  bool add;
  int* turns;  // 0 for each part of a tile, before and after

  struct State {
    __device__ explicit State(const Add&) {}
  };
  __device__ void finish(State&) const {}

  template <int kFragments>
  __device__ void operator()(const Tile& tile, float (&sums)[1][kFragments][4], State&) const {
    const float by = *factor;
    int* const turn = turns + tile.part;
    if (tile.later > 0) awaitTurn(turn, tile.later);
    const bool adds = add || tile.later > 0;
    const bool pairs = tile.columns % 2 == 0 && reinterpret_cast<uintptr_t>(to) % 8 == 0;
    const int first = tile.column + Tile::threadColumn();
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int row = tile.row + Tile::threadRow() + 8 * half;
      if (row >= tile.rows) continue;
      float* const line = to + static_cast<int64_t>(row) * tile.columns;
#pragma unroll
      for (int j = 0; j < kFragments; ++j) {
        const int column = first + 8 * j;
        const float x = by * sums[0][j][2 * half], y = by * sums[0][j][2 * half + 1];
        if (pairs) {
          if (column >= tile.columns) continue;
          if (adds) {
            addPair(line + column, x, y);
          } else {
            *reinterpret_cast<float2*>(line + column) = make_float2(x, y);
          }
        } else {
          if (column < tile.columns) line[column] = x + (adds ? line[column] : 0.f);
          if (column + 1 < tile.columns) line[column + 1] = y + (adds ? line[column + 1] : 0.f);
        }
      }
    }
    if (!tile.last) {
      passTurn(turn, tile.later + 1);
    } else if (tile.later > 0 && threadIdx.x % 128 == 0) {
      *turn = 0;
    }
  }

 private:
  static __device__ __forceinline__ void synchronize() { synchronizeThreads(1 + Tile::warpgroup(), 128); }
  static __device__ __forceinline__ void awaitTurn(const int* turn, int before) {
    if (threadIdx.x % 128 == 0) {
      while (loadAcquired(turn) != before) {
      }
    }
    synchronize();
  }
  static __device__ __forceinline__ void passTurn(int* turn, int done) {
    __threadfence();
    synchronize();
    if (threadIdx.x % 128 == 0) storeReleased(turn, done);
  }
};

}  // namespace vlltr::cuda::hopper
