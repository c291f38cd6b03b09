#pragma once

#include <algorithm>
#include <cstdint>

#include "cpu/contrastive.h"
#include "ops/contrastive_classes.h"
#include "ops/gemm_blocks.h"
#include "ops/scratch_slots.h"
#include "vlltr/contrastive.h"
#include "vlltr/thread_pool.h"

namespace vlltr {

/** Lines (rows or columns) in blocks, of which some make a group; each block's arrays are filled up. */
struct ContrastiveLines {
  Blocks blocks;
  int64_t stride;  // floats of a block's arrays
  Blocks groups;   // of blocks

  ContrastiveLines(const Blocks& blocks, int64_t perGroup);

  /** Floats of an array over all blocks. */
  int64_t floats() const { return blocks.count * stride; }
  /** The lines of a whole group, at most. */
  int64_t groupLines() const { return std::min(blocks.total, groups.block * blocks.block); }
  /** Where line `line` lies in an array over all blocks. */
  int64_t at(int64_t line) const { return line / blocks.block * stride + line % blocks.block; }
};

/**
 * The similarities of a call, tile by tile. All rows' blocks in a group are multiplied with all columns'
 * blocks in a group, for which features are packed a group at a time: memory is that of groups, not of the
 * batch.
 */
class ContrastiveTiles {
 public:
  /** `kept` or null: where similarities come from. `columnBytes` and `tileBytes`: what the caller needs a
   * block of columns and a tile of a group; they decide how large groups are. */
  ContrastiveTiles(const ContrastiveInputs& call, const float* kept, const GemmKernels& gemm,
                   const ContrastiveKernels& kernels, int64_t columnBytes, int64_t tileBytes);

  const ContrastiveLines& rows() const { return rows_; }
  const ContrastiveLines& columns() const { return columns_; }
  const GemmPrecision& product() const { return product_; }
  const ContrastiveKernels& kernels() const { return kernels_; }
  bool taught() const { return call_.teacher.width > 0; }
  /** Tile of blocks i and j. */
  ContrastiveTile tile(int64_t i, int64_t j) const {
    return {rows_.blocks.size(i), columns_.blocks.size(j), columns_.stride};
  }
  /** Elements of a tile that is not at the edge. */
  int64_t tileFloats() const { return rows_.blocks.block * columns_.stride; }

  int64_t bytes() const { return bytes_; }
  void place(char* memory);

  /** Packs a block for the products: of the images (as rows), or of the texts (as columns). */
  void packImages(int64_t block) const;
  void packTexts(int64_t block) const;

  /** Fills a tile of the student's (0) or the teacher's (1) similarities, in groups that are packed; returns
   * its largest element. `rowMost` and `columnMost` as the kernel `scale` has them. */
  float fill(int matrix, int64_t i, int64_t j, float* scores, float* rowMost, float* columnMost) const;

 private:
  struct Matrix {
    const ContrastiveFeatures* features;
    float scale;
    PackedOperand images, texts;
  };
  Matrix matrix(const ContrastiveFeatures& features) const;
  int matrices() const { return taught() ? 2 : 1; }

  const ContrastiveInputs& call_;
  const float* kept_;
  const GemmPrecision& product_;
  const ContrastiveKernels& kernels_;
  const GemmKernels& gemm_;
  ContrastiveLines rows_, columns_;
  Matrix matrices_[2];
  int64_t bytes_ = 0;
};

/** What both directions begin with. */
struct ContrastiveSetting {
  const GemmKernels* gemm = nullptr;
  const ContrastiveKernels* kernels = nullptr;
  ThreadPool* pool = nullptr;
  ContrastiveClasses classes;
  ScratchSlots slots;

  Status make(const ContrastiveInputs& call);
};

/** Copies an array over lines to one in blocks, filled up with `filling`. */
template <class T>
void spreadLines(const ContrastiveLines& lines, const T* from, T filling, T* to) {
  std::fill(to, to + lines.floats(), filling);
  for (int64_t b = 0; b < lines.blocks.count; ++b) {
    std::copy_n(from + lines.blocks.first(b), lines.blocks.size(b), to + b * lines.stride);
  }
}

/** Blocks of rows and of columns whose tiles are computed in one go. */
struct ContrastiveGroup {
  int64_t firstRow, rows, firstColumn, columns;  // blocks

  int64_t tiles() const { return rows * columns; }
  /** Blocks of a tile of the group. */
  int64_t row(int64_t tile) const { return firstRow + tile / columns; }
  int64_t column(int64_t tile) const { return firstColumn + tile % columns; }
};

/** Calls `work(group)` for all groups, in turn, after packRow(i) and packColumn(j) for its blocks. */
template <class PackRow, class PackColumn, class Work>
void forGroups(const ContrastiveTiles& tiles, ThreadPool& pool, PackRow&& packRow, PackColumn&& packColumn,
               Work&& work) {
  const Blocks &rowGroups = tiles.rows().groups, &columnGroups = tiles.columns().groups;
  for (int64_t c = 0; c < columnGroups.count; ++c) {
    for (int64_t r = 0; r < rowGroups.count; ++r) {
      const ContrastiveGroup group{rowGroups.first(r), rowGroups.size(r), columnGroups.first(c),
                                   columnGroups.size(c)};
      const int64_t fresh = r == 0 ? group.columns : 0;
      pool.run(fresh + group.rows, [&](int64_t part) {
        if (part < fresh) {
          packColumn(group.firstColumn + part);
        } else {
          packRow(group.firstRow + part - fresh);
        }
      });
      work(group);
    }
  }
}

/** Hands out consecutive pieces of a workspace. */
class Pieces {
 public:
  int64_t take(int64_t bytes) {
    const int64_t at = bytes_;
    bytes_ += Workspace::aligned(bytes);
    return at;
  }
  int64_t takeFloats(int64_t count) { return take(count * static_cast<int64_t>(sizeof(float))); }
  int64_t bytes() const { return bytes_; }

 private:
  int64_t bytes_ = 0;
};

}  // namespace vlltr
