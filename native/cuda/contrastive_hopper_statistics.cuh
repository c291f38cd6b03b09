#pragma once

#include <cstdint>

#include "cuda/contrastive_hopper_columns.cuh"

/** The forward pass's epilogue on Hopper: what a tile of S and of the teacher's S adds to the statistics. */
namespace vlltr::cuda {

/**
 * Of unit rows S is at most the scale, so that one exponent serves as the maximum of all lines: 2^100 below
 * the greatest possible exponential. Tiles with a line that is not well within float's range around it are
 * listed for HopperStatisticsApart, as are ragged ones.
 */
template <bool kTeacher>
struct HopperStatistics {
  enum Kind { kSum, kTeacherProduct, kTeacherSum };
  static constexpr int kKinds = kTeacher ? 3 : 1;
  static constexpr float kBelow = 100, kLeast = 0x1p-90f, kMost = 0x1p120f;
  static constexpr int kLineBytes = sizeof(HopperLineTile);
  static constexpr int kOfPiece = 2, kAllPieces = 16 / kOfPiece, kPieces = kTeacher ? kAllPieces : 0;
  struct Scratch {
    float sums[kKinds][4][128];  // of each warp's 16 rows, along columns
  };
  using Kept = hopper::Kept<kTeacher ? 8 : 0>;
  static constexpr int kScratch = hopper::kConsumers * sizeof(Scratch) + Kept::kBytes;

  const ContrastiveScalars* scalars;
  HopperPartials partials;
  // A warp's sum of S / n(y) over its rows' classes, and of S, both without the scale; added to.
  double2* targets;
  // Of clusters' tiles: whether one is listed, and the list, its length first.
  int *listed, *list;

  struct State {
    __device__ __forceinline__ explicit State(const HopperStatistics& of)
        : factor(of.scalars->scale),
          scale(factor * kLog2E),
          teacherScale(of.scalars->teacherScale * kLog2E) {}

    float factor, scale, teacherScale;
    double match = 0, all = 0;  // this thread's, of all tiles
    // Of the tile at hand; along this thread's two rows.
    float rows[kKinds][2], matches[2], sum;
    bool near;
  };

  /** Of the teacher's similarities in a piece of the columns. */
  __device__ __forceinline__ void early(int piece, const hopper::Tile& tile, const float (&sums)[16][4],
                                        Kept& kept, State& state) const {
    if constexpr (kTeacher) {
      if (piece == 0) begin(state);
      const float most = state.teacherScale - kBelow;
      float across[2 * kOfPiece];
#pragma unroll
      for (int k = 0; k < kOfPiece; ++k) {
        const int j = piece * kOfPiece + k;
        float q[4];
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          q[i] = exp2Fast(fmaf(sums[j][i], state.teacherScale, -most));
          state.rows[kTeacherSum % kKinds][i / 2] += q[i];
        }
        across[2 * k] = q[0] + q[2], across[2 * k + 1] = q[1] + q[3];
        kept.put(j, q);
      }
      putColumns(tile, kTeacherSum, piece, across, state);
    }
  }

  /** What is left once the student's similarities are there. */
  __device__ __forceinline__ void late(int piece, const hopper::Tile& tile, const float (&sums)[16][4],
                                       const Kept& kept, State& state) const {
    if (!kTeacher && piece == 0) begin(state);
    const float most = state.scale - kBelow;
    const HopperLineTile& row = *reinterpret_cast<const HopperLineTile*>(tile.rowLines);
    const HopperLineTile& column = *reinterpret_cast<const HopperLineTile*>(tile.columnLines);
    const int at = hopper::Tile::warpgroup() * 64 + hopper::Tile::threadRow();
    const int32_t labels[2] = {row.label[at], row.label[at + 8]};
    float across[2][2 * kOfPiece];
#pragma unroll
    for (int k = 0; k < kOfPiece; ++k) {
      const int j = piece * kOfPiece + k;
      const int2 label = *reinterpret_cast<const int2*>(&column.label[hopper::Tile::threadColumn() + 8 * j]);
      float p[4], q[4];
      if constexpr (kTeacher) kept.get(j, q);
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const float x = sums[j][i];
        p[i] = exp2Fast(fmaf(x, state.scale, -most));
        state.rows[kSum][i / 2] += p[i], state.sum += x;
        if ((i % 2 == 0 ? label.x : label.y) == labels[i / 2]) state.matches[i / 2] += x;
        if constexpr (kTeacher) {
          q[i] *= x;
          state.rows[kTeacherProduct % kKinds][i / 2] += q[i];
        }
      }
      across[0][2 * k] = p[0] + p[2], across[0][2 * k + 1] = p[1] + p[3];
      if constexpr (kTeacher) across[1][2 * k] = q[0] + q[2], across[1][2 * k + 1] = q[1] + q[3];
    }
    putColumns(tile, kSum, piece, across[0], state);
    if constexpr (kTeacher) putColumns(tile, kTeacherProduct, piece, across[1], state);
    if (piece == kAllPieces - 1) end(tile, row.weight[at], row.weight[at + 8], state);
  }

  /** Without a teacher. */
  __device__ __forceinline__ void operator()(const hopper::Tile& tile, float (&sums)[1][16][4],
                                             State& state) const {
    const Kept none(nullptr);
#pragma unroll
    for (int piece = 0; piece < kAllPieces; ++piece) late(piece, tile, sums[0], none, state);
  }

  __device__ __forceinline__ void finish(State& state) const {
    double match = state.match, all = state.all;
#pragma unroll
    for (int step = 1; step < 32; step *= 2) {
      match += __shfl_xor_sync(~0u, match, step), all += __shfl_xor_sync(~0u, all, step);
    }
    if (threadIdx.x % 32 != 0) return;
    double2& to =
        targets[(blockIdx.x * hopper::kConsumers + hopper::Tile::warpgroup()) * 4 + hopper::Tile::warp()];
    to.x += match, to.y += all;
  }

 private:
  static __device__ __forceinline__ Scratch& of(const hopper::Tile& tile) {
    return reinterpret_cast<Scratch*>(tile.scratch)[hopper::Tile::warpgroup()];
  }
  static __device__ __forceinline__ bool within(float sum) { return sum >= kLeast && sum <= kMost; }

  static __device__ __forceinline__ void begin(State& state) {
    synchronizeWarpgroup();  // The scratch is free of the tile before.
#pragma unroll
    for (int half = 0; half < 2; ++half) {
#pragma unroll
      for (int kind = 0; kind < kKinds; ++kind) state.rows[kind][half] = 0;
      state.matches[half] = 0;
    }
    state.sum = 0, state.near = true;
  }

  /** Eight lanes four apart have their rows' parts each of four columns, which are put into the scratch. */
  static __device__ __forceinline__ void putColumns(const hopper::Tile& tile, int kind, int piece,
                                                    const float (&values)[2 * kOfPiece], State& state) {
    static_assert(kOfPiece == 2);
    const int lane = threadIdx.x % 32;
    const bool second = lane & 16, first = lane & 8;
    float two[2];
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      two[i] =
          (second ? values[i + 2] : values[i]) + __shfl_xor_sync(~0u, second ? values[i] : values[i + 2], 16);
    }
    float sum = (first ? two[1] : two[0]) + __shfl_xor_sync(~0u, first ? two[0] : two[1], 8);
    sum += __shfl_xor_sync(~0u, sum, 4);
    state.near = state.near && (kind == kTeacherProduct ? fabsf(sum) <= kMost : within(sum));
    if (lane / 4 % 2 != 0) return;
    of(tile).sums[kind][hopper::Tile::warp()][piece * 16 + lane / 16 * 8 + lane % 4 * 2 + lane / 8 % 2] = sum;
  }

  __device__ __forceinline__ void end(const hopper::Tile& tile, float weight, float weight8,
                                      State& state) const {
    const float most = state.scale - kBelow, teacherMost = state.teacherScale - kBelow;
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      float sums[kKinds];
#pragma unroll
      for (int kind = 0; kind < kKinds; ++kind) {
        sums[kind] = sumOverRowLanes(state.rows[kind][half]);
        state.near =
            state.near && (kind == kTeacherProduct ? fabsf(sums[kind]) <= kMost : within(sums[kind]));
      }
      partials.putRow<kTeacher>(tile, half, partial(sums, most, teacherMost, state.factor));
    }
    state.match += fmaf(state.matches[0], weight, state.matches[1] * weight8), state.all += state.sum;
    const bool whole = tile.row + 64 <= tile.rows && tile.column + 128 <= tile.columns;
    if (__any_sync(~0u, !state.near) || !whole) {
      if (threadIdx.x % 32 == 0 && atomicExch(&listed[tile.number], 1) == 0) {
        list[1 + atomicAdd(&list[0], 1)] = tile.number;
      }
    }
    synchronizeWarpgroup();
    const Scratch& scratch = of(tile);
    const int in = threadIdx.x % 128;
    float sums[kKinds];
#pragma unroll
    for (int kind = 0; kind < kKinds; ++kind) {
      sums[kind] = (scratch.sums[kind][0][in] + scratch.sums[kind][1][in]) +
                   (scratch.sums[kind][2][in] + scratch.sums[kind][3][in]);
    }
    partials.putColumn<kTeacher>(tile, in, partial(sums, most, teacherMost, state.factor));
  }

  static __device__ __forceinline__ Partial partial(const float (&sums)[kKinds], float most,
                                                    float teacherMost, float by) {
    if constexpr (!kTeacher) return {most, sums[kSum]};
    return {most, sums[kSum], teacherMost, sums[kTeacherSum % kKinds], sums[kTeacherProduct % kKinds] * by};
  }
};

}  // namespace vlltr::cuda
