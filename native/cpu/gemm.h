// The matrix product's parts, for ops that put their own work between them.
//
// A product C = A Bᵀ contracts two operands over their last axis ("depth"): the rows of A become C's rows,
// those of B its columns. Each operand is first packed into panels: `tileRows` rows of A, `tileColumns` of B,
// depth-major, filled up with zeros. An op packs what it multiplies often once, and multiplies blocks that
// stay in the L2 cache.
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

/** Panels `stride` bytes apart. */
struct GemmPanels {
  const void* data;
  int64_t stride;
};

/** How one side of a product is packed in one precision. */
struct GemmSide {
  int64_t rows;       // a panel: tileRows or tileColumns
  int64_t depthStep;  // packed together: panels begin at multiples of it
  int64_t stepBytes;  // one panel, one depth step

  constexpr int64_t panels(int64_t count) const { return (count + rows - 1) / rows; }
  constexpr int64_t panelBytes(int64_t depth) const {
    return (depth + depthStep - 1) / depthStep * stepBytes;
  }
  /** Of `count` rows, packed. */
  constexpr int64_t bytes(int64_t count, int64_t depth) const { return panels(count) * panelBytes(depth); }

  GemmPanels whole(const void* packed, int64_t depth) const { return {packed, panelBytes(depth)}; }
  /** From row `row`, a multiple of `rows`, and depth `from`, a multiple of `depthStep`. */
  GemmPanels at(GemmPanels panels, int64_t row, int64_t from) const {
    return {static_cast<const char*>(panels.data) + row / rows * panels.stride + from / depthStep * stepBytes,
            panels.stride};
  }
};

/** One precision's kernels. */
struct GemmPrecision {
  GemmSide a, b;
  /** Writes a.bytes(rows, depth) or b.bytes(...) bytes, aligned to 64 bytes for speed. */
  void (*packA)(GemmSource source, int64_t rows, int64_t depth, void* panels);
  void (*packB)(GemmSource source, int64_t rows, int64_t depth, void* panels);
  /**
   * C [rows, columns], rows `cStride` floats apart, = or += A Bᵀ. Nothing outside of C is touched, whatever
   * `rows` and `columns`. Fastest where B's panels have a part of the depth in common that fits the L1 cache
   * (this is cut inside) and A's block fits the L2 cache.
   */
  void (*multiply)(int64_t rows, int64_t columns, int64_t depth, GemmPanels a, GemmPanels b, float* c,
                   int64_t cStride, bool accumulate);
};

/** The kernels of one instruction set. */
struct GemmKernels {
  Isa isa;
  /** An edge length for square blocks: a multiple of both panels' rows and of both depth steps, about 240. */
  int64_t block;
  GemmPrecision precisions[2];

  const GemmPrecision& of(Precision precision) const { return precisions[static_cast<int>(precision)]; }
};

extern const GemmKernels kGemmAvx512Bf16;
extern const GemmKernels kGemmAvx512;
extern const GemmKernels kGemmAvx2;
extern const GemmKernels kGemmGeneric;

}  // namespace vlltr
