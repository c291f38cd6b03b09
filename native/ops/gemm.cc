#include "vlltr/gemm.h"

#include <algorithm>
#include <limits>
#include <string>

#include "cpu/select.h"
#include "ops/arguments.h"
#include "ops/gemm_blocks.h"
#include "ops/workspace.h"
#include "vlltr/thread_pool.h"

namespace vlltr {
namespace {

constexpr KernelSet<GemmKernels> kKernels = VLLTR_KERNEL_SET(kGemm);

Status checkGemmMatrix(const char* name, int64_t stride, int64_t width) {
  if (stride >= width) return Status();
  return invalidArgument(std::string("gemm: the stride of ") + name + " is " + std::to_string(stride) +
                         ", expected at least " + std::to_string(width));
}

/** Floats from the first to the last element of a matrix of `rows` rows. */
int64_t extent(int64_t rows, int64_t width, int64_t stride) {
  return rows == 0 || width == 0 ? 0 : (rows - 1) * stride + width;
}

Status check(const Gemm& call) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max() / 16;
  const int64_t m = call.rows, n = call.columns, k = call.depth;
  const auto fits = [](int64_t rows, int64_t stride) { return rows <= kMost / std::max<int64_t>(1, stride); };
  const int64_t aRows = call.a.transposed ? k : m, aWidth = call.a.transposed ? m : k;
  const int64_t bRows = call.b.transposed ? n : k, bWidth = call.b.transposed ? k : n;
  if (m < 0 || n < 0 || k < 0 || !fits(aRows, call.a.stride) || !fits(bRows, call.b.stride) ||
      !fits(m, call.cStride)) {
    return invalidArgument("gemm: rows, columns and depth are " + std::to_string(m) + ", " +
                           std::to_string(n) + " and " + std::to_string(k) +
                           ", expected sizes >= 0 of addressable matrices");
  }
  VLLTR_RETURN_IF_ERROR(checkGemmMatrix("a", call.a.stride, aWidth));
  VLLTR_RETURN_IF_ERROR(checkGemmMatrix("b", call.b.stride, bWidth));
  VLLTR_RETURN_IF_ERROR(checkGemmMatrix("c", call.cStride, n));
  return checkSpans("gemm",
                    {span("a", call.a.data, extent(aRows, aWidth, call.a.stride)),
                     span("b", call.b.data, extent(bRows, bWidth, call.b.stride))},
                    {span("c", call.c, extent(m, n, call.cStride))});
}

// What is packed at once is to stay in the L3 cache, and need not be found anew by the system in each call.
constexpr int64_t kSlabFloats = int64_t{4} << 20;
// But sums go through C once a slab of the depth, and threads want some blocks each.
constexpr int64_t kLeastDepth = 1024, kLeastBlocks = 8;

// A thread that is late at the end of a slab is to be late by little.
constexpr int64_t kLeastParts = 48, kLeastColumns = 96;

/** The most columns of a block of C, of `columns` in a slab of so many blocks of rows. */
int64_t widest(int64_t columns, int64_t rowBlocks, const GemmKernels& kernels) {
  const int64_t wanted = (kLeastParts + rowBlocks - 1) / rowBlocks;
  return std::clamp(columns / wanted, kLeastColumns, kernels.block);
}

/** The product in slabs that are packed and multiplied in turn: of the depth, and of the longer of the two
 * sides. */
struct Slabs {
  Blocks depths, rows, columns;

  Slabs(int64_t m, int64_t n, int64_t k, const GemmKernels& kernels, const GemmPrecision& use)
      : depths(k, std::max(kLeastDepth, kSlabFloats / (m + n)), depthBlocks(kernels, k).block),
        rows(m, m > n ? longest(n, kernels) : m, use.a.rows),
        columns(n, m > n ? n : longest(m, kernels), use.b.rows) {}

 private:
  /** Lines of the longer side, given those of the other. */
  int64_t longest(int64_t shorter, const GemmKernels& kernels) const {
    const int64_t all = kSlabFloats / std::max<int64_t>(1, std::min(depths.block, depths.total));
    return std::max(all - shorter, kLeastBlocks * kernels.block);
  }
};

/** An operand from line `first` and depth `depth` on. */
GemmSource part(const GemmSource& source, int64_t first, int64_t depth) {
  const int64_t at = source.transposed ? depth * source.stride + first : first * source.stride + depth;
  return {source.data + at, source.stride, source.transposed};
}

}  // namespace

Status gemmKernels(const GemmKernels** kernels) {
  Isa isa;
  VLLTR_RETURN_IF_ERROR(chosenIsa(&isa));
  *kernels = &kKernels.of(isa);
  return Status();
}

Status gemm(const Gemm& call) {
  VLLTR_RETURN_IF_ERROR(check(call));
  const GemmKernels* kernels;
  ThreadPool* pool;
  VLLTR_RETURN_IF_ERROR(gemmKernels(&kernels));
  VLLTR_RETURN_IF_ERROR(ThreadPool::shared(&pool));
  const GemmPrecision& use = kernels->of(call.precision);
  const int64_t m = call.rows, n = call.columns, k = call.depth;
  if (m == 0 || n == 0) return Status();

  const Slabs slabs(m, n, k, *kernels, use);
  const Blocks &depths = slabs.depths, &rows = slabs.rows, &columns = slabs.columns;
  PackedOperand a(use.a, use.packA, rows.block, depthBlocks(*kernels, depths.block));
  PackedOperand b(use.b, use.packB, columns.block, depthBlocks(*kernels, depths.block));
  Workspace workspace;
  if (!workspace.reserve(a.bytes() + b.bytes())) {
    return Status(Code::kResourceExhausted, "gemm: no memory for packed copies of a and b");
  }
  // Seen as A Bᵀ: b is transposed as packing understands it where the caller's is not.
  const GemmSource sourceA{call.a.data, call.a.stride, call.a.transposed};
  const GemmSource sourceB{call.b.data, call.b.stride, !call.b.transposed};
  // Without depth there is one slab of none, which makes zeros.
  for (int64_t d = 0; d < std::max<int64_t>(1, depths.count); ++d) {
    const Blocks inSlab = depthBlocks(*kernels, k == 0 ? 0 : depths.size(d));
    a = PackedOperand(use.a, use.packA, rows.block, inSlab);
    b = PackedOperand(use.b, use.packB, columns.block, inSlab);
    a.place(workspace.at(0));
    b.place(workspace.at(a.bytes()));
    for (int64_t i = 0; i < rows.count; ++i) {
      for (int64_t j = 0; j < columns.count; ++j) {
        const Blocks rowBlocks(rows.size(i), kernels->block, use.a.rows);
        const Blocks columnBlocks(columns.size(j), widest(columns.size(j), rowBlocks.count, *kernels),
                                  use.b.rows);
        const int64_t packedRows = j == 0 ? rowBlocks.count : 0;
        const int64_t packedColumns = i == 0 || columns.count > 1 ? columnBlocks.count : 0;
        const GemmSource fromA = part(sourceA, rows.first(i), depths.first(d));
        const GemmSource fromB = part(sourceB, columns.first(j), depths.first(d));
        pool->run((packedRows + packedColumns) * inSlab.count, [&](int64_t part) {
          const int64_t block = part / inSlab.count, chunk = part % inSlab.count;
          if (block < packedRows) {
            a.packChunk(fromA, rowBlocks.first(block), rowBlocks.size(block), chunk);
          } else {
            const int64_t column = block - packedRows;
            b.packChunk(fromB, columnBlocks.first(column), columnBlocks.size(column), chunk);
          }
        });
        float* const to = call.c + rows.first(i) * call.cStride + columns.first(j);
        pool->run(rowBlocks.count * columnBlocks.count, [&](int64_t part) {
          const int64_t r = rowBlocks.first(part / columnBlocks.count);
          const int64_t c = columnBlocks.first(part % columnBlocks.count);
          multiplyBlock(use, rowBlocks.size(part / columnBlocks.count),
                        columnBlocks.size(part % columnBlocks.count), a, r, b, c, to + r * call.cStride + c,
                        call.cStride, d > 0);
        });
      }
    }
  }
  return Status();
}

}  // namespace vlltr
