#include "vlltr/gemm.h"

#include <algorithm>
#include <limits>
#include <string>

#include "cpu/gemm.h"
#include "cpu/select.h"
#include "ops/arguments.h"
#include "ops/gemm_kernels.h"
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

int64_t blocks(int64_t count, int64_t block) { return (count + block - 1) / block; }

/** Packs `rows` rows, a block of rows a part. */
void packInParallel(ThreadPool& pool, const GemmSide& side, decltype(GemmPrecision::packA) pack,
                    int64_t block, GemmSource source, int64_t rows, int64_t depth, char* panels) {
  pool.run(blocks(rows, block), [&](int64_t part) {
    const int64_t row = part * block;
    GemmSource from = source;
    from.data += row * (source.transposed ? 1 : source.stride);
    pack(from, std::min(block, rows - row), depth, panels + row / side.rows * side.panelBytes(depth));
  });
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
  const int64_t m = call.rows, n = call.columns, k = call.depth, block = kernels->block;
  if (m == 0 || n == 0) return Status();

  Workspace workspace;
  const int64_t aBytes = Workspace::aligned(use.a.bytes(m, k));
  if (!workspace.reserve(aBytes + use.b.bytes(n, k))) {
    return Status(Code::kResourceExhausted, "gemm: no memory for packed copies of a and b");
  }
  char* const a = workspace.at(0);
  char* const b = workspace.at(aBytes);
  // Seen as A Bᵀ: b is transposed as packing understands it where the caller's is not.
  packInParallel(*pool, use.a, use.packA, block, {call.a.data, call.a.stride, call.a.transposed}, m, k, a);
  packInParallel(*pool, use.b, use.packB, block, {call.b.data, call.b.stride, !call.b.transposed}, n, k, b);

  const int64_t across = blocks(n, block);
  pool->run(blocks(m, block) * across, [&](int64_t part) {
    const int64_t i = part / across * block, j = part % across * block;
    use.multiply(std::min(block, m - i), std::min(block, n - j), k, use.a.at(use.a.whole(a, k), i, 0),
                 use.b.at(use.b.whole(b, k), j, 0), call.c + i * call.cStride + j, call.cStride, false);
  });
  return Status();
}

}  // namespace vlltr
