#pragma once

#include <cstdint>

#include "cuda/contrastive_group.cuh"
#include "cuda/contrastive_hopper_lines.cuh"
#include "cuda/contrastive_math.h"
#include "cuda/contrastive_similarity.cuh"
#include "cuda/hopper.cuh"

/** What both epilogues of the forward pass on Hopper have in common. */
namespace vlltr::cuda {

/** Where partials of a block go: [kPartialFloats, tiles across the line, stride]; columns' tiles have 64
 * rows, rows' 128 columns. */
struct HopperPartials {
  float *rows, *columns;
  int64_t rowStride, columnStride, rowPlane, columnPlane;

  template <bool kTeacher>
  __device__ __forceinline__ void putRow(const hopper::Tile& tile, int half, const Partial& line) const {
    const int row = tile.row + hopper::Tile::threadRow() + 8 * half;
    if (threadIdx.x % 4 != 0 || row >= tile.rows) return;
    put<kTeacher>(line, rows + tile.column / 128 * rowStride + row, rowPlane);
  }
  template <bool kTeacher>
  __device__ __forceinline__ void putColumn(const hopper::Tile& tile, int in, const Partial& line) const {
    if (tile.row >= tile.rows || tile.column + in >= tile.columns) return;
    put<kTeacher>(line, columns + tile.row / 64 * columnStride + tile.column + in, columnPlane);
  }

 private:
  template <bool kTeacher>
  static __device__ __forceinline__ void put(const Partial& line, float* to, int64_t plane) {
    to[0] = line.most, to[plane] = line.sum;
    if constexpr (kTeacher) {
      to[2 * plane] = line.teacherMost, to[3 * plane] = line.teacherSum, to[4 * plane] = line.teacherProduct;
    }
  }
};

/** Waits for this warpgroup alone. */
__device__ __forceinline__ void synchronizeWarpgroup() {
  hopper::synchronizeThreads(1 + hopper::Tile::warpgroup(), 128);
}

}  // namespace vlltr::cuda
