#pragma once

#include <stdint.h>

#include "vlltr/isa_kind.h"

namespace vlltr {

/** A block of a matrix of similarities. `stride` is a multiple of 16 floats; what fills the rows up counts
 * for nothing. Arrays over columns have `stride` elements, arrays over rows `rows`. */
struct ContrastiveTile {
  int64_t rows, columns;  // as they exist
  int64_t stride;         // floats from row to row
};

/** Of each line (a row or a column) of a matrix, or of a part of it: sums over e = exp(x - most). */
struct ContrastiveSums {
  float* most;  // the largest x, or one that is not far from it
  float* sum;   // of e
  float* mean;  // of e times the other matrix's elements; null: not wanted
};

/** t = rowShare where the classes are the same, and columnShare everywhere. */
struct ContrastiveTargets {
  const int32_t* rowClass;
  const int32_t* columnClass;  // -1 beyond the columns
  const float* rowShare;
  const float* columnShare;  // 0 beyond the columns
};

/** The softmax along rows and the one along columns, both times `factor`. */
struct ContrastiveSoftmax {
  const float* rowLse;
  const float* columnLse;  // 1e30 beyond the columns
  float factor;
  float* scratch;  // [stride]
};

/** The kernels of one instruction set. */
struct ContrastiveKernels {
  Isa isa;
  /**
   * Products to similarities, in place, rounded to float32: nothing may be subtracted from them before, or
   * the two passes would see different ones. Fills the largest of each row and of each column, returns that
   * of all.
   */
  float (*scale)(const ContrastiveTile& tile, float factor, float* scores, float* rowMost, float* columnMost);
  /** Sums of a tile; `most` comes from `scale` and may be changed. `values`: the other matrix, or null. */
  void (*sums)(const ContrastiveTile& tile, float most, const float* scores, const float* values,
               const ContrastiveSums& rows, const ContrastiveSums& columns);
  /** Adds the sums of other elements of the same lines; `lines` is a multiple of 16. */
  void (*merge)(int64_t lines, const ContrastiveSums& from, const ContrastiveSums& into);
  /** Sum of t S. */
  double (*targetSum)(const ContrastiveTile& tile, const float* scores, const ContrastiveTargets& targets);
  /** x = p + q times the factor, in place. */
  void (*softmax)(const ContrastiveTile& tile, float most, const ContrastiveSoftmax& softmax, float* scores);
  /** x = (p + q) softmax.factor - t targetFactor - teacher, in place; returns the sum of x S. */
  double (*gradient)(const ContrastiveTile& tile, float most, const ContrastiveSoftmax& softmax,
                     const ContrastiveTargets& targets, float targetFactor, const float* teacher,
                     float* scores);
};

extern const ContrastiveKernels kContrastiveAvx512Bf16;
extern const ContrastiveKernels kContrastiveAvx512;
extern const ContrastiveKernels kContrastiveAvx2;
extern const ContrastiveKernels kContrastiveGeneric;

}  // namespace vlltr
