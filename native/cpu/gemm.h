// The matrix product's parts, for ops that put their own work between them.
//
// A product C = A Bᵀ contracts two operands over their last axis ("depth"): the rows of A become C's rows,
// those of B its columns. A chunk of an operand (some rows, a part of the depth) is first packed into panels,
// one after the other: `a.rows` rows of A or `b.rows` of B each, depth-major, filled up with zeros. Then
// chunks are multiplied. ops/gemm_blocks.h has what an operand of several chunks needs.
#pragma once

#include <stdint.h>

#include "vlltr/isa_kind.h"
#include "vlltr/precision.h"

namespace vlltr {

/** An operand [rows, depth]: element (r, k) at data[r * stride + k], or transposed at data[k * stride + r].
 */
struct GemmSource {
  const float* data;
  int64_t stride;
  bool transposed;
};

/** How one side of a product is packed in one precision. */
struct GemmSide {
  int64_t rows;       // of a panel
  int64_t depthStep;  // elements of depth that are packed together
  int64_t stepBytes;  // of one panel, one depth step
};

/** One precision's kernels. */
struct GemmPrecision {
  GemmSide a, b;
  /** Packs a chunk into ceil(rows / side.rows) * ceil(depth / side.depthStep) * side.stepBytes bytes. */
  void (*packA)(GemmSource source, int64_t rows, int64_t depth, void* panels);
  void (*packB)(GemmSource source, int64_t rows, int64_t depth, void* panels);
  /**
   * C [rows, columns], rows `cStride` floats apart, = or += the product of two packed chunks of the same
   * depth. Nothing outside of C is touched. For speed: chunks aligned to 64 bytes, no longer than
   * GemmKernels::block in any direction, so that a panel of B stays in the L1 cache and A's chunk in the L2
   * cache.
   */
  void (*multiply)(int64_t rows, int64_t columns, int64_t depth, const void* a, const void* b, float* c,
                   int64_t cStride, bool accumulate);
};

/** The kernels of one instruction set. */
struct GemmKernels {
  Isa isa;
  /** The best edge of a chunk and of a block of C: a multiple of all panels' rows and depth steps, about 240.
   */
  int64_t block;
  GemmPrecision precisions[2];

  const GemmPrecision& of(Precision precision) const { return precisions[static_cast<int>(precision)]; }
};

extern const GemmKernels kGemmAvx512Bf16;
extern const GemmKernels kGemmAvx512;
extern const GemmKernels kGemmAvx2;
extern const GemmKernels kGemmGeneric;

}  // namespace vlltr
