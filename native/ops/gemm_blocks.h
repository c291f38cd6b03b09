#pragma once

#include <algorithm>
#include <cstdint>

#include "cpu/gemm.h"
#include "ops/workspace.h"
#include "vlltr/status.h"

namespace vlltr {

/** The matrix product's kernels for the instruction set in use, for the ops built on them. */
Status gemmKernels(const GemmKernels** kernels);

/** `total` cut into blocks of equal size (the last may be smaller), at most about `most`, multiples of
 * `unit`. */
struct Blocks {
  int64_t total, block, count;

  Blocks(int64_t total, int64_t most, int64_t unit)
      : total(total),
        block(unit * std::max<int64_t>(1, ceil(ceil(total, ceil(total, most)), unit))),
        count(ceil(total, block)) {}

  int64_t first(int64_t i) const { return i * block; }
  int64_t size(int64_t i) const { return std::min(block, total - first(i)); }

 private:
  static int64_t ceil(int64_t a, int64_t b) { return a == 0 ? 0 : (a + b - 1) / b; }
};

/** The depth of a product in chunks of whole vectors, which are packed the fastest. */
inline Blocks depthBlocks(const GemmKernels& kernels, int64_t depth) {
  constexpr int64_t kVector = 16;  // floats of the widest
  return Blocks(depth, kernels.block + kVector, kVector);
}

/** Bytes of rows that are packed in one chunk. */
inline int64_t packedBytes(const GemmSide& side, int64_t rows, int64_t depth) {
  const int64_t panels = (rows + side.rows - 1) / side.rows;
  return panels * ((depth + side.depthStep - 1) / side.depthStep) * side.stepBytes;
}

/**
 * Rows of one side of a product, packed in chunks: for each block of the depth all panels, so that what one
 * block of C needs lies together. Owns no memory.
 */
class PackedOperand {
 public:
  using Pack = decltype(GemmPrecision::packA);

  PackedOperand(const GemmSide& side, Pack pack, int64_t rows, const Blocks& depths)
      : side_(side), pack_(pack), panels_((rows + side.rows - 1) / side.rows), depths_(depths) {}

  int64_t bytes() const { return Workspace::aligned(panels_ * panelBytes(depths_.total)); }
  /** Where it lies: `bytes()` bytes, aligned to 64. */
  void place(char* memory) { memory_ = memory; }
  const Blocks& depths() const { return depths_; }

  /** Packs `count` rows of `source` (the whole operand's) from `first`, a multiple of the panel's rows. */
  void pack(const GemmSource& source, int64_t first, int64_t count) const {
    for (int64_t d = 0; d < depths_.count; ++d) packChunk(source, first, count, d);
  }
  /** Of these, block `d` of the depth alone. */
  void packChunk(const GemmSource& source, int64_t first, int64_t count, int64_t d) const {
    const int64_t from = depths_.first(d);
    const int64_t at = source.transposed ? from * source.stride + first : first * source.stride + from;
    pack_({source.data + at, source.stride, source.transposed}, count, depths_.size(d), chunk(first, d));
  }

  /** The panels from row `row` (a multiple of the panel's rows) on, of block `d` of the depth. */
  char* chunk(int64_t row, int64_t d) const {
    return memory_ + panels_ * panelBytes(depths_.first(d)) + row / side_.rows * panelBytes(depths_.size(d));
  }

 private:
  int64_t panelBytes(int64_t depth) const {
    return (depth + side_.depthStep - 1) / side_.depthStep * side_.stepBytes;
  }

  GemmSide side_;
  Pack pack_;
  int64_t panels_;
  Blocks depths_;
  char* memory_ = nullptr;
};

/** C [rows, columns] = the product of rows of `a` from `row` and rows of `b` from `column` on, over all
 * depth; `add`: += it. */
inline void multiplyBlock(const GemmPrecision& use, int64_t rows, int64_t columns, const PackedOperand& a,
                          int64_t row, const PackedOperand& b, int64_t column, float* c, int64_t cStride,
                          bool add = false) {
  const Blocks& depths = a.depths();
  if (depths.count == 0) use.multiply(rows, columns, 0, nullptr, nullptr, c, cStride, add);
  for (int64_t d = 0; d < depths.count; ++d) {
    use.multiply(rows, columns, depths.size(d), a.chunk(row, d), b.chunk(column, d), c, cStride,
                 add || d > 0);
  }
}

}  // namespace vlltr
