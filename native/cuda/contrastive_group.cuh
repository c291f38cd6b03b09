#pragma once

#include <cstdint>

#include "cuda/layout.h"

/** What the contrastive op's epilogues need to know of the warps that hold a tile of S in their registers. */
namespace vlltr::cuda {

/**
 * kWarpsM x kWarpsN warps of kFragmentsM x kFragmentsN fragments of 16x8. `Sync` is a barrier of theirs
 * alone, and their threads begin at a multiple of their number.
 */
template <int kFragmentsM_, int kFragmentsN_, int kWarpsM_, int kWarpsN_, class Sync>
struct TileGroup {
  static constexpr int kFragmentsM = kFragmentsM_, kFragmentsN = kFragmentsN_;
  static constexpr int kWarpsM = kWarpsM_, kWarpsN = kWarpsN_, kWarps = kWarpsM * kWarpsN;
  static constexpr int kThreads = kWarps * 32;
  static constexpr int kRows = kWarpsM * kFragmentsM * 16, kColumns = kWarpsN * kFragmentsN * 8;

  static __device__ __forceinline__ int thread() { return threadIdx.x % kThreads; }
  static __device__ __forceinline__ int lane() { return threadIdx.x % 32; }
  static __device__ __forceinline__ int warp() { return thread() / 32; }
  static __device__ __forceinline__ int warpM() { return warp() / kWarpsN; }
  static __device__ __forceinline__ int warpN() { return warp() % kWarpsN; }
  /** Row and column in the tile of this thread's element (i, half) and (j, e). */
  static __device__ __forceinline__ int row(int i, int half) {
    return (warpM() * kFragmentsM + i) * 16 + sumRow(lane(), 2 * half);
  }
  static __device__ __forceinline__ int column(int j, int e) {
    return (warpN() * kFragmentsN + j) * 8 + sumColumn(lane(), e);
  }
  static __device__ __forceinline__ void sync() { Sync::sync(); }
};

struct BlockSync {
  static __device__ __forceinline__ void sync() { __syncthreads(); }
};

/** The group that is a block of `Shape` (tile.cuh). */
template <class Shape>
using BlockGroup =
    TileGroup<Shape::kFragmentsM, Shape::kFragmentsN, Shape::kWarpsM, Shape::kWarpsN, BlockSync>;

/** Of four elements of a fragment: [0], [1] are adjacent in one row, [2], [3] in the row 8 further down. */
struct Four {
  float v[4];
};

__device__ __forceinline__ float sumOverRowLanes(float value) {
  value += __shfl_xor_sync(~0u, value, 1);
  return value + __shfl_xor_sync(~0u, value, 2);
}
__device__ __forceinline__ float mostOverRowLanes(float value) {
  value = fmaxf(value, __shfl_xor_sync(~0u, value, 1));
  return fmaxf(value, __shfl_xor_sync(~0u, value, 2));
}
__device__ __forceinline__ float sumOverColumnLanes(float value) {
#pragma unroll
  for (int step = 4; step < 32; step *= 2) value += __shfl_xor_sync(~0u, value, step);
  return value;
}
__device__ __forceinline__ float mostOverColumnLanes(float value) {
#pragma unroll
  for (int step = 4; step < 32; step *= 2) value = fmaxf(value, __shfl_xor_sync(~0u, value, step));
  return value;
}
__device__ __forceinline__ float sumOverWarp(float value) {
  return sumOverColumnLanes(sumOverRowLanes(value));
}
__device__ __forceinline__ float mostOverWarp(float value) {
  return mostOverColumnLanes(mostOverRowLanes(value));
}

}  // namespace vlltr::cuda
