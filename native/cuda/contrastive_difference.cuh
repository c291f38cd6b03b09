#pragma once

#include <cuda_bf16.h>

#include <cstdint>

#include "cuda/contrastive_group.cuh"
#include "cuda/contrastive_math.h"
#include "cuda/mma.cuh"

/** The backward pass's epilogue: a tile of dS from one of S, without its factor dloss / 2N. */
namespace vlltr::cuda {

/** A block [rows, columns] of S. */
struct DifferenceBlock {
  int rows = 0, columns = 0;
  int rowTiles = 0, columnTiles = 0;
  const int32_t *rowLabels = nullptr, *columnLabels = nullptr;
  const float* rowWeights = nullptr;  // 1 / n(y)
  const float *rowLse = nullptr, *columnLse = nullptr;
  const float *rowTeacherLse = nullptr, *columnTeacherLse = nullptr;
  const float4 *rowRanges = nullptr,
               *columnRanges = nullptr;  // contrastive_lines.cuh, from the block's first
  float distillWeight = 0;
  TargetFactors target = {};
  // dS [rows, columns] in whole tiles, 0 where there is no S; `low` is what `high` leaves, or null.
  __nv_bfloat16 *high = nullptr, *low = nullptr;
  int64_t ld = 0;
  float* products = nullptr;  // of each tile, sum of dS S
};

/** Softmaxes along a tile's rows and columns: of one matrix, from the logarithms of its lines' sums. */
template <class Group>
class TileSoftmaxes {
 public:
  __device__ __forceinline__ TileSoftmaxes(const float* rowLse, const float* columnLse, float2 rowRange,
                                           float2 columnRange, int rows, int columns, float factor)
      : columnLse_(columnLse), columns_(columns), factor_(factor) {
    least_ = fminf(rowRange.x, columnRange.x);
    single_ = fmaxf(rowRange.y, columnRange.y) - least_ <= kSpread;
#pragma unroll
    for (int i = 0; i < Group::kFragmentsM; ++i) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int row = Group::row(i, half);
        rows_[i][half] = line(row < rows ? rowLse[row] : 0.f);
      }
    }
  }

  /** Calls `use(i, j, element, factor times the sum of both softmaxes)` for all elements; `x(i, j)` is S. */
  template <class Get, class Use>
  __device__ __forceinline__ void each(Get x, Use use) const {
    if (single_) {
      eachWith(x, use, [&](float s, float row, float column) {
        return exp2Fast(fmaf(s, kLog2E, -least_)) * (row + column);
      });
    } else {
      eachWith(x, use, [&](float s, float row, float column) {
        return factor_ * (exp2Fast(fmaf(s, kLog2E, -row)) + exp2Fast(fmaf(s, kLog2E, -column)));
      });
    }
  }

 private:
  /** One exponential serves both: 2^(s - least) (2^(least - row) + 2^(least - column)), where no line's
   * logarithm is over the least by more than kSpread: then the factors are not subnormal, and an exponential
   * that is stands for a probability that is too. */
  __device__ __forceinline__ float line(float lse) const {
    return single_ ? factor_ * exp2Fast(fmaf(-lse, kLog2E, least_)) : lse * kLog2E;
  }

  template <class Get, class Use, class Both>
  __device__ __forceinline__ void eachWith(Get x, Use use, Both both) const {
#pragma unroll
    for (int j = 0; j < Group::kFragmentsN; ++j) {
      const int column = Group::column(j, 0);
      const float columns[2] = {line(column < columns_ ? columnLse_[column] : 0.f),
                                line(column + 1 < columns_ ? columnLse_[column + 1] : 0.f)};
#pragma unroll
      for (int i = 0; i < Group::kFragmentsM; ++i) {
        const Four s = x(i, j);
        Four p;
#pragma unroll
        for (int e = 0; e < 4; ++e) p.v[e] = both(s.v[e], rows_[i][e / 2], columns[e % 2]);
        use(i, j, s, p);
      }
    }
  }

  const float* columnLse_;
  int columns_;
  float factor_, least_;
  bool single_;
  float rows_[Group::kFragmentsM][2];
};

template <class Group>
class TileDifference {
 public:
  __device__ __forceinline__ TileDifference(const DifferenceBlock& block, int tileRow, int tileColumn)
      : block_(block),
        tileRow_(tileRow),
        tileColumn_(tileColumn),
        firstRow_(tileRow * Group::kRows),
        firstColumn_(tileColumn * Group::kColumns) {}

  /** Calls `put(i, j, four)` with what the teacher's similarities `teacher(i, j)` subtract from dS. */
  template <class Teacher, class Put>
  __device__ __forceinline__ void subtrahend(Teacher teacher, Put put) const {
    const float4 rowRange = block_.rowRanges[firstRow_ / 128],
                 columnRange = block_.columnRanges[firstColumn_ / 128];
    const TileSoftmaxes<Group> softmaxes(block_.rowTeacherLse + firstRow_,
                                         block_.columnTeacherLse + firstColumn_, {rowRange.z, rowRange.w},
                                         {columnRange.z, columnRange.w}, block_.rows - firstRow_,
                                         block_.columns - firstColumn_, block_.distillWeight);
    softmaxes.each(teacher, [&](int i, int j, const Four&, const Four& p) { put(i, j, p); });
  }

  /** Writes dS of the similarities `student(i, j)`, less `teacher(i, j)`. `scratch`: a float a warp. */
  template <class Student, class Teacher>
  __device__ __forceinline__ void write(Student student, Teacher teacher, float* scratch) const {
    const float4 rowRange = block_.rowRanges[firstRow_ / 128],
                 columnRange = block_.columnRanges[firstColumn_ / 128];
    const int rows = block_.rows - firstRow_, columns = block_.columns - firstColumn_;
    const bool whole = rows >= Group::kRows && columns >= Group::kColumns;
    const TileSoftmaxes<Group> softmaxes(block_.rowLse + firstRow_, block_.columnLse + firstColumn_,
                                         {rowRange.x, rowRange.y}, {columnRange.x, columnRange.y}, rows,
                                         columns, 1.f);
    int32_t labels[Group::kFragmentsM][2];
    float weights[Group::kFragmentsM][2];
#pragma unroll
    for (int i = 0; i < Group::kFragmentsM; ++i) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int row = Group::row(i, half);
        labels[i][half] = row < rows ? block_.rowLabels[firstRow_ + row] : 0;
        weights[i][half] = row < rows ? block_.target.match * block_.rowWeights[firstRow_ + row] : 0.f;
      }
    }
    float product = 0;
    softmaxes.each(student, [&](int i, int j, const Four& s, const Four& p) {
      const int column = Group::column(j, 0);
      const int32_t* label = block_.columnLabels + firstColumn_ + column;
      const int32_t columnLabels[2] = {column < columns ? label[0] : 0, column + 1 < columns ? label[1] : 0};
      const Four less = teacher(i, j);
      float d[4];
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        d[e] = p.v[e] - less.v[e] - block_.target.smooth;
        if (columnLabels[e % 2] == labels[i][e / 2]) d[e] -= weights[i][e / 2];
        if (!whole && !(Group::row(i, e / 2) < rows && column + e % 2 < columns)) d[e] = 0;
        product = fmaf(d[e], s.v[e], product);
      }
      store(i, j, d);
    });
    product = sumOverWarp(product);
    Group::sync();  // The scratch is free of what it held before.
    if (Group::lane() == 0) scratch[Group::warp()] = product;
    Group::sync();
    if (Group::thread() != 0) return;
    float sum = 0;
    for (int w = 0; w < Group::kWarps; ++w) sum += scratch[w];
    block_.products[tileRow_ * block_.columnTiles + tileColumn_] = sum;
  }

 private:
  __device__ __forceinline__ void store(int i, int j, const float (&d)[4]) const {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int64_t at = (firstRow_ + Group::row(i, half)) * block_.ld + firstColumn_ + Group::column(j, 0);
      const float x = d[half * 2], y = d[half * 2 + 1];
      const __nv_bfloat162 high = __floats2bfloat162_rn(x, y);
      *reinterpret_cast<__nv_bfloat162*>(block_.high + at) = high;
      if (block_.low == nullptr) continue;
      *reinterpret_cast<__nv_bfloat162*>(block_.low + at) =
          __floats2bfloat162_rn(x - __low2float(high), y - __high2float(high));
    }
  }

  const DifferenceBlock& block_;
  int tileRow_, tileColumn_, firstRow_, firstColumn_;
};

}  // namespace vlltr::cuda
