#pragma once

#include <cstdint>

#include "cuda/contrastive_group.cuh"
#include "cuda/contrastive_hopper_lines.cuh"
#include "cuda/contrastive_math.h"
#include "cuda/contrastive_similarity.cuh"
#include "cuda/hopper.cuh"

/** Sums along a tile's columns on Hopper, from what a warpgroup's warps have of them. */
namespace vlltr::cuda {

template <bool kTeacher>
struct HopperColumns {
  enum Kind { kSum, kTeacherSum, kTeacherProduct };
  static constexpr int kKinds = kTeacher ? 3 : 1;

  struct Scratch {
    float sums[kKinds][4][128];  // of each warp's 16 rows
    float most[kTeacher ? 2 : 1][4][128];
    int own[4];  // whether a warp's lines have maxima of their own

    /** A sum that `scatter` made of a piece of 32 columns. */
    __device__ __forceinline__ void put(int kind, int piece, float sum) {
      const int lane = threadIdx.x % 32;
      sums[kind][hopper::Tile::warp()][piece * 32 + lane / 8 * 8 + lane % 4 * 2 + lane / 4 % 2] = sum;
    }
    __device__ __forceinline__ void putOwn(int column, const Partial& line) {
      const int warp = hopper::Tile::warp();
      sums[kSum][warp][column] = line.sum, most[0][warp][column] = line.most;
      if constexpr (kTeacher) {
        sums[kTeacherSum][warp][column] = line.teacherSum,
        sums[kTeacherProduct][warp][column] = line.teacherProduct;
        most[1][warp][column] = line.teacherMost;
      }
    }
    /** Of all warps; those without maxima of their own have these. */
    __device__ __forceinline__ Partial get(int column, float common, float teacherCommon) const {
      Partial line;
      if (!(own[0] || own[1] || own[2] || own[3])) {
        line = part(0, column, common, teacherCommon);
#pragma unroll
        for (int w = 1; w < 4; ++w) {
          const Partial next = part(w, column, common, teacherCommon);
          line.sum += next.sum, line.teacherSum += next.teacherSum,
              line.teacherProduct += next.teacherProduct;
        }
        return line;
      }
#pragma unroll
      for (int w = 0; w < 4; ++w) {
        const Partial next = own[w] ? part(w, column, most[0][w][column], most[kTeacher ? 1 : 0][w][column])
                                    : part(w, column, common, teacherCommon);
        line = w == 0 ? next : merge(line, next);
      }
      return line;
    }

   private:
    __device__ __forceinline__ Partial part(int warp, int column, float common, float teacherCommon) const {
      if constexpr (!kTeacher) return {common, sums[kSum][warp][column]};
      return {common, sums[kSum][warp][column], teacherCommon, sums[kTeacherSum % kKinds][warp][column],
              sums[kTeacherProduct % kKinds][warp][column]};
    }
  };

  static __device__ __forceinline__ Scratch& of(const hopper::Tile& tile) {
    return reinterpret_cast<Scratch*>(tile.scratch)[hopper::Tile::warpgroup()];
  }

  /** Eight lanes four apart have a row's parts each of eight columns: of column [lane / 4] they sum to the
   * result. */
  static __device__ __forceinline__ float scatter(const float (&values)[8]) {
    const int lane = threadIdx.x % 32;
    const bool third = lane & 16, second = lane & 8, first = lane & 4;
    float four[4], two[2];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      four[i] =
          (third ? values[i + 4] : values[i]) + __shfl_xor_sync(~0u, third ? values[i] : values[i + 4], 16);
    }
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      two[i] = (second ? four[i + 2] : four[i]) + __shfl_xor_sync(~0u, second ? four[i] : four[i + 2], 8);
    }
    return (first ? two[1] : two[0]) + __shfl_xor_sync(~0u, first ? two[0] : two[1], 4);
  }
};

}  // namespace vlltr::cuda
