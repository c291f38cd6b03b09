#pragma once

#include <cstdint>

#include "cuda/contrastive_hopper_columns.cuh"

/** The forward pass's epilogue on Hopper: what a tile of S and of the teacher's S adds to the statistics. */
namespace vlltr::cuda {

/**
 * Of unit rows S is at most the scale, so that one exponent serves as the maximum of all lines: 2^100 below
 * the greatest possible exponential. A warp whose lines are not all well within float's range around it takes
 * each line's own. The teacher's exponentials take the place of its similarities while the student's are
 * multiplied.
 */
template <bool kTeacher>
struct HopperStatistics {
  using Columns = HopperColumns<kTeacher>;
  static constexpr int kKinds = Columns::kKinds;
  static constexpr float kBelow = 100, kLeast = 0x1p-90f, kMost = 0x1p120f;
  static constexpr int kScratch = hopper::kConsumers * sizeof(typename Columns::Scratch);
  static constexpr int kLineBytes = sizeof(HopperLineTile);
  static constexpr int kOfPiece = 4, kPieces = 16 / kOfPiece, kEarly = kTeacher ? kPieces : 0;

  const ContrastiveScalars* scalars;
  // [kPartialFloats, tiles across the line, stride]: columns' tiles have 64 rows, rows' 128 columns.
  float *rowPartials, *columnPartials;
  int64_t rowStride, columnStride, rowPlane, columnPlane;
  // A warp's sum of S / n(y) over its rows' classes, and of S, both without the scale; added to.
  double2* targets;

  struct State {
    double match = 0, all = 0;  // this thread's, of all tiles
    // Of the tile at hand.
    float teacherRows[2];
    uint32_t unfit,
        same;  // pieces: whose teacher's similarities are still there; with an element of a row's class
  };

  /** Of the teacher's similarities in a piece of the columns. */
  __device__ __forceinline__ void early(int piece, const hopper::Tile& tile, float (&sums)[16][4],
                                        State& state) const {
    if constexpr (kTeacher) {
      if (piece == 0) begin(state);
      const float scale = scalars->teacherScale * kLog2E, most = scale - kBelow;
      float across[2 * kOfPiece] = {}, lines[2] = {}, q[kOfPiece][4];
      bool same = false;
      const HopperLine* const rows = rowLines(tile);
      const int32_t labels[2] = {rows[0].label, rows[8].label};
#pragma unroll
      for (int j = 0; j < kOfPiece; ++j) {
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          const int fragment = piece * kOfPiece + j;
          q[j][i] = exp2Fast(fmaf(sums[fragment][i], scale, -most));
          lines[i / 2] += q[j][i], across[2 * j + i % 2] += q[j][i];
          same = same || columnLines(tile)[8 * fragment + i % 2].label == labels[i / 2];
        }
      }
      const float column = Columns::scatter(across);
      Columns::of(tile).put(Columns::kTeacherSum, piece, column);
      state.teacherRows[0] += lines[0], state.teacherRows[1] += lines[1];
      const bool fit = within(column) && within(lines[0]) && within(lines[1]);
      if (__any_sync(~0u, !fit)) {
        state.unfit |= 1u << piece;
      } else {
#pragma unroll
        for (int j = 0; j < kOfPiece; ++j) {
#pragma unroll
          for (int i = 0; i < 4; ++i) sums[piece * kOfPiece + j][i] = q[j][i];
        }
      }
      if (__any_sync(~0u, same)) state.same |= 1u << piece;
    }
  }

  __device__ __forceinline__ void operator()(const hopper::Tile& tile, float (&sums)[1 + kTeacher][16][4],
                                             State& state) const {
    if constexpr (!kTeacher) begin(state), state.same = ~0u;
    typename Columns::Scratch& scratch = Columns::of(tile);
    const float scale = scalars->scale * kLog2E, teacherScale = scalars->teacherScale * kLog2E;
    const bool near = together(tile, sums, scale, state);
    const bool whole = tile.row + 64 <= tile.rows && tile.column + 128 <= tile.columns;
    const bool own = __any_sync(~0u, !near) || !whole;
    if (own) {
      const auto student = [&](int j, int i) { return sums[kTeacher][j][i] * scale; };
      const auto teacher = [&](int j, int i) {
        const float t = sums[0][j][i];
        return state.unfit >> j / kOfPiece & 1 ? t * teacherScale
                                               : hopper::log2Fast(t) + (teacherScale - kBelow);
      };
      linesApart(tile, student, teacher);
    }
    if (threadIdx.x % 32 == 0) scratch.own[hopper::Tile::warp()] = own;
    hopper::synchronizeThreads(1 + hopper::Tile::warpgroup(), 128);
    const int in = threadIdx.x % 128;
    if (tile.row >= tile.rows || tile.column + in >= tile.columns) return;
    const Partial sum = scratch.get(in, scale - kBelow, teacherScale - kBelow);
    put(sum, columnPartials + tile.row / 64 * columnStride + tile.column + in, columnPlane);
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
  static __device__ __forceinline__ void begin(State& state) {
    hopper::synchronizeThreads(1 + hopper::Tile::warpgroup(),
                               128);  // The scratch is free of the tile before.
    state.teacherRows[0] = state.teacherRows[1] = 0;
    state.unfit = state.same = 0;
  }
  /** Of this thread's row [0], the second being [8], and of its column [0] of fragment 0. */
  static __device__ __forceinline__ const HopperLine* rowLines(const hopper::Tile& tile) {
    return reinterpret_cast<const HopperLineTile*>(tile.rowLines)->lines + hopper::Tile::warpgroup() * 64 +
           hopper::Tile::threadRow();
  }
  static __device__ __forceinline__ const HopperLine* columnLines(const hopper::Tile& tile) {
    return reinterpret_cast<const HopperLineTile*>(tile.columnLines)->lines + hopper::Tile::threadColumn();
  }
  static __device__ __forceinline__ bool within(float sum) { return sum >= kLeast && sum <= kMost; }

  /** What is left once the student's similarities are there, all lines with one maximum. False where that
   * does not serve one of this thread's lines. */
  __device__ __forceinline__ bool together(const hopper::Tile& tile, float (&sums)[1 + kTeacher][16][4],
                                           float scale, State& state) const {
    typename Columns::Scratch& scratch = Columns::of(tile);
    const float most = scale - kBelow;
    float lines[2][2] = {};
    float match = 0, all = 0;
    bool near = state.unfit == 0;
#pragma unroll
    for (int piece = 0; piece < kPieces; ++piece) {
      float across[2][2 * kOfPiece] = {};
#pragma unroll
      for (int j = 0; j < kOfPiece; ++j) {
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          const float x = sums[kTeacher][piece * kOfPiece + j][i], q = sums[0][piece * kOfPiece + j][i];
          const float p = exp2Fast(fmaf(x, scale, -most));
          lines[i / 2][0] += p, across[0][2 * j + i % 2] += p;
          if constexpr (kTeacher) {
            lines[i / 2][1] = fmaf(q, x, lines[i / 2][1]);
            across[1][2 * j + i % 2] = fmaf(q, x, across[1][2 * j + i % 2]);
          }
          all += x;
        }
      }
      if (state.same >> piece & 1) match += matches(tile, piece, sums[kTeacher]);
      const float column = Columns::scatter(across[0]);
      scratch.put(Columns::kSum, piece, column);
      near = near && within(column);
      if constexpr (kTeacher) {
        const float product = Columns::scatter(across[1]);
        scratch.put(Columns::kTeacherProduct, piece, product);
        near = near && fabsf(product) <= kMost;
      }
    }
    state.match += match, state.all += all;
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const float sum = sumOverRowLanes(lines[half][0]), product = sumOverRowLanes(lines[half][1]);
      near = near && within(sum) && fabsf(product) <= kMost;
      putRow(tile, half,
             {most, sum, scalars->teacherScale * kLog2E - kBelow, sumOverRowLanes(state.teacherRows[half]),
              product});
    }
    return near;
  }

  /** S / n(y) of this thread's elements of a piece where row and column are of one class. */
  __device__ __forceinline__ float matches(const hopper::Tile& tile, int piece, float (&sums)[16][4]) const {
    const HopperLine row[2] = {rowLines(tile)[0], rowLines(tile)[8]};
    float match = 0;
#pragma unroll
    for (int j = piece * kOfPiece; j < (piece + 1) * kOfPiece; ++j) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        if (columnLines(tile)[8 * j + i % 2].label == row[i / 2].label) {
          match = fmaf(sums[j][i], row[i / 2].weight, match);
        }
      }
    }
    return match;
  }

  /** Each line with a maximum of its own; of lines and elements that are there. `student(j, i)` and `teacher`
   * are exponents of base 2. */
  template <class Student, class Teacher>
  __device__ __forceinline__ void linesApart(const hopper::Tile& tile, Student student,
                                             Teacher teacher) const {
    typename Columns::Scratch& scratch = Columns::of(tile);
    const auto there = [&](int j, int i) {
      return tile.row + hopper::Tile::threadRow() + i / 2 * 8 < tile.rows &&
             tile.column + hopper::Tile::threadColumn() + 8 * j + i % 2 < tile.columns;
    };
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
    const float scale = 1 / (scalars->scale * kLog2E);
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      Partial line;
#pragma unroll
      for (int k = 0; k < 32; ++k) look(line, k / 2, 2 * half + k % 2);
      line.most = mostOverRowLanes(line.most), line.teacherMost = mostOverRowLanes(line.teacherMost);
#pragma unroll
      for (int k = 0; k < 32; ++k) add(line, k / 2, 2 * half + k % 2);
      line.sum = sumOverRowLanes(line.sum), line.teacherSum = sumOverRowLanes(line.teacherSum);
      line.teacherProduct = sumOverRowLanes(line.teacherProduct) * scale;
      putRow(tile, half, line);
    }
    __syncwarp();
#pragma unroll
    for (int k = 0; k < 32; ++k) {
      Partial line;
      look(line, k / 2, k % 2), look(line, k / 2, k % 2 + 2);
      line.most = mostOverColumnLanes(line.most), line.teacherMost = mostOverColumnLanes(line.teacherMost);
      add(line, k / 2, k % 2), add(line, k / 2, k % 2 + 2);
      line.sum = sumOverColumnLanes(line.sum), line.teacherSum = sumOverColumnLanes(line.teacherSum);
      line.teacherProduct = sumOverColumnLanes(line.teacherProduct) * scale;
      if (threadIdx.x % 32 < 4) scratch.putOwn(hopper::Tile::threadColumn() + k / 2 * 8 + k % 2, line);
    }
  }

  __device__ __forceinline__ void putRow(const hopper::Tile& tile, int half, const Partial& line) const {
    const int row = tile.row + hopper::Tile::threadRow() + 8 * half;
    if (threadIdx.x % 4 != 0 || row >= tile.rows) return;
    put(line, rowPartials + tile.column / 128 * rowStride + row, rowPlane);
  }
  __device__ __forceinline__ void put(const Partial& line, float* to, int64_t plane) const {
    to[0] = line.most, to[plane] = line.sum;
    if constexpr (kTeacher) {
      to[2 * plane] = line.teacherMost, to[3 * plane] = line.teacherSum;
      to[4 * plane] = line.teacherProduct * scalars->scale;
    }
  }
};

}  // namespace vlltr::cuda
