#pragma once

#include <cstdint>

#include "cuda/contrastive_hopper_columns.cuh"

/** The forward pass's epilogue on Hopper for tiles whose lines each need a maximum of their own, and for
 * ragged ones. */
namespace vlltr::cuda {

template <bool kTeacher>
struct HopperStatisticsApart {
  struct Scratch {
    Partial columns[4][128];  // of each warp's 16 rows
  };
  static constexpr int kScratch = hopper::kConsumers * sizeof(Scratch), kLineBytes = 0, kPieces = 0;
  static constexpr bool kWholeTiles = true;  // never a share of one's steps

  const ContrastiveScalars* scalars;
  HopperPartials partials;

  struct State {
    __device__ explicit State(const HopperStatisticsApart&) {}
  };
  __device__ __forceinline__ void finish(State&) const {}

  /** Exponents are of base 2. */
  __device__ __forceinline__ void operator()(const hopper::Tile& tile, float (&sums)[1 + kTeacher][16][4],
                                             State&) const {
    Scratch& scratch = reinterpret_cast<Scratch*>(tile.scratch)[hopper::Tile::warpgroup()];
    const float scale = scalars->scale * kLog2E, teacherScale = scalars->teacherScale * kLog2E;
    // Rows and columns from this thread's first to the end.
    const int down = static_cast<int>(tile.rows - tile.row) - hopper::Tile::threadRow();
    const int right = static_cast<int>(tile.columns - tile.column) - hopper::Tile::threadColumn();
    const auto there = [&](int j, int i) { return i / 2 * 8 < down && 8 * j + i % 2 < right; };
    const auto student = [&](int j, int i) { return sums[kTeacher][j][i] * scale; };
    const auto teacher = [&](int j, int i) { return sums[0][j][i] * teacherScale; };
    const auto look = [&](Partial& line, int j, int i) {
      if (!there(j, i)) return;
      line.most = fmaxf(line.most, student(j, i));
      if constexpr (kTeacher) line.teacherMost = fmaxf(line.teacherMost, teacher(j, i));
    };
    const auto add = [&](Partial& line, int j, int i) {
      if (!there(j, i)) return;
      const float x = student(j, i);
      line.sum += exp2Fast(x - line.most);
      if constexpr (kTeacher) {
        const float q = exp2Fast(teacher(j, i) - line.teacherMost);
        line.teacherSum += q, line.teacherProduct = fmaf(q, x, line.teacherProduct);
      }
    };
    constexpr auto kNatural = static_cast<float>(kLn2);
    synchronizeWarpgroup();  // The scratch is free of the tile before.
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      Partial line;
#pragma unroll
      for (int k = 0; k < 32; ++k) look(line, k / 2, 2 * half + k % 2);
      line.most = mostOverRowLanes(line.most), line.teacherMost = mostOverRowLanes(line.teacherMost);
#pragma unroll
      for (int k = 0; k < 32; ++k) add(line, k / 2, 2 * half + k % 2);
      line.sum = sumOverRowLanes(line.sum), line.teacherSum = sumOverRowLanes(line.teacherSum);
      line.teacherProduct = sumOverRowLanes(line.teacherProduct) * kNatural;
      partials.putRow<kTeacher>(tile, half, line);
    }
    __syncwarp();
#pragma unroll
    for (int k = 0; k < 32; ++k) {
      Partial line;
      look(line, k / 2, k % 2), look(line, k / 2, k % 2 + 2);
      line.most = mostOverColumnLanes(line.most), line.teacherMost = mostOverColumnLanes(line.teacherMost);
      add(line, k / 2, k % 2), add(line, k / 2, k % 2 + 2);
      line.sum = sumOverColumnLanes(line.sum), line.teacherSum = sumOverColumnLanes(line.teacherSum);
      line.teacherProduct = sumOverColumnLanes(line.teacherProduct) * kNatural;
      if (threadIdx.x % 32 < 4) {
        scratch.columns[hopper::Tile::warp()][hopper::Tile::threadColumn() + k / 2 * 8 + k % 2] = line;
      }
    }
    synchronizeWarpgroup();
    const int in = threadIdx.x % 128;
    Partial line = scratch.columns[0][in];
#pragma unroll
    for (int w = 1; w < 4; ++w) line = merge(line, scratch.columns[w][in]);
    partials.putColumn<kTeacher>(tile, in, line);
  }
};

}  // namespace vlltr::cuda
