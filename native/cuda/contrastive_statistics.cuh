#pragma once

#include <cstdint>

#include "cuda/contrastive_group.cuh"
#include "cuda/contrastive_math.h"
#include "cuda/contrastive_scratch.cuh"
#include "cuda/mma.cuh"

/** The forward pass's epilogue: what a tile of S and of the teacher's S adds to the statistics and the
 * targets. */
namespace vlltr::cuda {

/** Where a block [rows, columns] of S leaves what its tiles found. */
struct StatisticsBlock {
  int rows = 0, columns = 0;              // of S in this block
  const int32_t* rowLabels = nullptr;     // of this block's rows
  const int32_t* columnLabels = nullptr;  // of its columns
  const float* rowWeights = nullptr;      // 1 / n(y) of its rows
  // [kPartialFloats, tiles across the line, stride]: a line's partials, one a tile; stride: lines at least.
  float *rowPartials = nullptr, *columnPartials = nullptr;
  int rowStride = 0, columnStride = 0;
  int rowTiles = 0, columnTiles = 0;  // of this block
  float2* targets = nullptr;          // a tile's sum of S / n(y) over its row's class, and its sum of S
};

template <class Group, bool kTeacher, class Student, class Teacher>
class TileStatistics {
 public:
  /** `student(i, j)`, `teacher(i, j)`: the scaled similarities of fragment (i, j). */
  __device__ __forceinline__ TileStatistics(const StatisticsBlock& block, int tileRow, int tileColumn,
                                            char* scratch, Student student, Teacher teacher)
      : block_(block),
        firstRow_(tileRow * Group::kRows),
        firstColumn_(tileColumn * Group::kColumns),
        scratch_(*reinterpret_cast<StatisticsScratch<Group>*>(scratch)),
        student_(student),
        teacher_(teacher) {
    Group::sync();  // The scratch is free of what it held before.
    float middle[2];
    if (findRange(middle)) {
      sumAroundMiddle(middle);
    } else {
      sumLineByLine();
    }
    Group::sync();
    writeLines<Group, kTeacher>(
        scratch_.rows, block.rows - firstRow_,
        block.rowPartials + static_cast<int64_t>(tileColumn) * block.rowStride + firstRow_,
        static_cast<int64_t>(block.columnTiles) * block.rowStride);
    writeLines<Group, kTeacher>(
        scratch_.columns, block.columns - firstColumn_,
        block.columnPartials + static_cast<int64_t>(tileRow) * block.columnStride + firstColumn_,
        static_cast<int64_t>(block.rowTiles) * block.columnStride);
    if (Group::thread() == 0) {
      float2 sum = {0, 0};
      for (int w = 0; w < Group::kWarps; ++w)
        sum.x += scratch_.targets[w][0], sum.y += scratch_.targets[w][1];
      block.targets[tileRow * block.columnTiles + tileColumn] = sum;
    }
  }

 private:
  static constexpr int kM = Group::kFragmentsM, kN = Group::kFragmentsN;
  static constexpr int kFloats = kTeacher ? kPartialFloats : 2;

  __device__ __forceinline__ bool rowThere(int i, int half) const {
    return firstRow_ + Group::row(i, half) < block_.rows;
  }
  __device__ __forceinline__ bool columnThere(int j, int e) const {
    return firstColumn_ + Group::column(j, e) < block_.columns;
  }

  /** The middle of the tile's exponents; true where it serves all lines of the tile. */
  __device__ __forceinline__ bool findRange(float (&middle)[2]) {
    const bool whole =
        firstRow_ + Group::kRows <= block_.rows && firstColumn_ + Group::kColumns <= block_.columns;
    if (!whole) return false;
    // Greatest, and greatest of the negative, of S and of the teacher's.
    float most[4] = {kNothing, kNothing, kNothing, kNothing};
#pragma unroll
    for (int i = 0; i < kM; ++i) {
#pragma unroll
      for (int j = 0; j < kN; ++j) {
        const Four s = student_(i, j);
#pragma unroll
        for (int e = 0; e < 4; ++e) most[0] = fmaxf(most[0], s.v[e]), most[1] = fmaxf(most[1], -s.v[e]);
        if constexpr (kTeacher) {
          const Four t = teacher_(i, j);
#pragma unroll
          for (int e = 0; e < 4; ++e) most[2] = fmaxf(most[2], t.v[e]), most[3] = fmaxf(most[3], -t.v[e]);
        }
      }
    }
    constexpr int kValues = kTeacher ? 4 : 2;
#pragma unroll
    for (int v = 0; v < kValues; ++v) {
      most[v] = mostOverWarp(most[v]);
      if (Group::lane() == 0) scratch_.range[Group::warp()][v] = most[v];
    }
    Group::sync();
#pragma unroll
    for (int v = 0; v < kValues; ++v) {
#pragma unroll
      for (int w = 0; w < Group::kWarps; ++w) most[v] = fmaxf(most[v], scratch_.range[w][v]);
    }
    middle[0] = (most[0] - most[1]) * (0.5f * kLog2E);
    middle[1] = (most[2] - most[3]) * (0.5f * kLog2E);
    const float half = (most[0] + most[1]) * (0.5f * kLog2E),
                teacherHalf = (most[2] + most[3]) * (0.5f * kLog2E);
    return half <= kSpread && (!kTeacher || teacherHalf <= kSpread);
  }

  /** One exponential an element serves its row and its column. */
  __device__ __forceinline__ void sumAroundMiddle(const float (&middle)[2]) {
    Row rows[kM][2];
    loadRows(rows);
    float sums[kM][2][3] = {};
    float match = 0, all = 0;
#pragma unroll
    for (int j = 0; j < kN; ++j) {
      const int32_t* labels = block_.columnLabels + firstColumn_ + Group::column(j, 0);
      const int32_t label[2] = {labels[0], labels[1]};
      float columns[2][3] = {};
#pragma unroll
      for (int i = 0; i < kM; ++i) {
        const Four s = student_(i, j);
        Four t;
        if constexpr (kTeacher) t = teacher_(i, j);
#pragma unroll
        for (int half = 0; half < 2; ++half) {
#pragma unroll
          for (int e = 0; e < 2; ++e) {
            const float x = s.v[half * 2 + e];
            const float p = exp2Fast(fmaf(x, kLog2E, -middle[0]));
            sums[i][half][0] += p, columns[e][0] += p;
            if constexpr (kTeacher) {
              const float q = exp2Fast(fmaf(t.v[half * 2 + e], kLog2E, -middle[1]));
              sums[i][half][1] += q, columns[e][1] += q;
              sums[i][half][2] = fmaf(q, x, sums[i][half][2]);
              columns[e][2] = fmaf(q, x, columns[e][2]);
            }
            all += x;
            if (label[e] == rows[i][half].label) match = fmaf(x, rows[i][half].weight, match);
          }
        }
      }
#pragma unroll
      for (int e = 0; e < 2; ++e) keepColumn(j, e, middle[0], middle[1], columns[e]);
    }
#pragma unroll
    for (int i = 0; i < kM; ++i) {
#pragma unroll
      for (int half = 0; half < 2; ++half) keepRow(i, half, middle[0], middle[1], sums[i][half]);
    }
    keepTargets(match, all);
  }

  /** Of tiles at the edge, and of similarities that range too far: each line with a maximum of its own. */
  __device__ __forceinline__ void sumLineByLine() {
    float match = 0, all = 0;
#pragma unroll
    for (int i = 0; i < kM; ++i) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const Row row = loadRow(i, half);
        float most[2] = {kNothing, kNothing}, sums[3] = {};
        eachOfRow(i, half, [&](int j, int e, float s, float t) {
          most[0] = fmaxf(most[0], s), most[1] = fmaxf(most[1], t);
          all += s;
          const int32_t label = block_.columnLabels[firstColumn_ + Group::column(j, e)];
          if (label == row.label) match = fmaf(s, row.weight, match);
        });
        most[0] = mostOverRowLanes(most[0]) * kLog2E, most[1] = mostOverRowLanes(most[1]) * kLog2E;
        eachOfRow(i, half, [&](int, int, float s, float t) { add(sums, most, s, t); });
        keepRow(i, half, most[0], most[1], sums);
      }
    }
#pragma unroll
    for (int j = 0; j < kN; ++j) {
#pragma unroll
      for (int e = 0; e < 2; ++e) {
        float most[2] = {kNothing, kNothing}, sums[3] = {};
        eachOfColumn(j, e,
                     [&](float s, float t) { most[0] = fmaxf(most[0], s), most[1] = fmaxf(most[1], t); });
        most[0] = mostOverColumnLanes(most[0]) * kLog2E, most[1] = mostOverColumnLanes(most[1]) * kLog2E;
        eachOfColumn(j, e, [&](float s, float t) { add(sums, most, s, t); });
        keepColumn(j, e, most[0], most[1], sums);
      }
    }
    keepTargets(match, all);
  }

  static __device__ __forceinline__ void add(float (&sums)[3], const float (&most)[2], float s, float t) {
    sums[0] += exp2Fast(fmaf(s, kLog2E, -most[0]));
    if constexpr (kTeacher) {
      const float q = exp2Fast(fmaf(t, kLog2E, -most[1]));
      sums[1] += q;
      sums[2] = fmaf(q, s, sums[2]);
    }
  }

  template <class Use>
  __device__ __forceinline__ void eachOfRow(int i, int half, Use use) {
    const bool there = rowThere(i, half);
#pragma unroll
    for (int j = 0; j < kN; ++j) {
      const Four s = student_(i, j);
      Four t{};
      if constexpr (kTeacher) t = teacher_(i, j);
#pragma unroll
      for (int e = 0; e < 2; ++e) {
        if (there && columnThere(j, e)) use(j, e, s.v[half * 2 + e], t.v[half * 2 + e]);
      }
    }
  }

  template <class Use>
  __device__ __forceinline__ void eachOfColumn(int j, int e, Use use) {
    const bool there = columnThere(j, e);
#pragma unroll
    for (int i = 0; i < kM; ++i) {
      const Four s = student_(i, j);
      Four t{};
      if constexpr (kTeacher) t = teacher_(i, j);
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        if (there && rowThere(i, half)) use(s.v[half * 2 + e], t.v[half * 2 + e]);
      }
    }
  }

  struct Row {
    int32_t label;
    float weight;
  };
  __device__ __forceinline__ Row loadRow(int i, int half) const {
    const int row = firstRow_ + Group::row(i, half);
    if (row >= block_.rows) return {0, 0.f};
    return {block_.rowLabels[row], block_.rowWeights[row]};
  }
  __device__ __forceinline__ void loadRows(Row (&rows)[kM][2]) const {
#pragma unroll
    for (int i = 0; i < kM; ++i) rows[i][0] = loadRow(i, 0), rows[i][1] = loadRow(i, 1);
  }

  /** A warp's part of a row: of all lanes that share it. */
  __device__ __forceinline__ void keepRow(int i, int half, float most, float teacherMost,
                                          const float (&sums)[3]) {
    float line[kPartialFloats] = {most, sumOverRowLanes(sums[0])};
    if constexpr (kTeacher) {
      line[2] = teacherMost, line[3] = sumOverRowLanes(sums[1]), line[4] = sumOverRowLanes(sums[2]);
    }
    if (Group::lane() % 4 != 0) return;
#pragma unroll
    for (int v = 0; v < kFloats; ++v) scratch_.rows[v][Group::warpN()][Group::row(i, half)] = line[v];
  }
  __device__ __forceinline__ void keepColumn(int j, int e, float most, float teacherMost,
                                             const float (&sums)[3]) {
    float line[kPartialFloats] = {most, sumOverColumnLanes(sums[0])};
    if constexpr (kTeacher) {
      line[2] = teacherMost, line[3] = sumOverColumnLanes(sums[1]), line[4] = sumOverColumnLanes(sums[2]);
    }
    if (Group::lane() >= 4) return;
#pragma unroll
    for (int v = 0; v < kFloats; ++v) scratch_.columns[v][Group::warpM()][Group::column(j, e)] = line[v];
  }
  __device__ __forceinline__ void keepTargets(float match, float all) {
    match = sumOverWarp(match), all = sumOverWarp(all);
    if (Group::lane() != 0) return;
    scratch_.targets[Group::warp()][0] = match, scratch_.targets[Group::warp()][1] = all;
  }

  const StatisticsBlock& block_;
  const int firstRow_, firstColumn_;
  StatisticsScratch<Group>& scratch_;
  Student student_;
  Teacher teacher_;
};

}  // namespace vlltr::cuda
