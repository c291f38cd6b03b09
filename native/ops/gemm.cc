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

  const Blocks rows(m, kernels->block, use.a.rows), columns(n, kernels->block, use.b.rows);
  const Blocks depths(k, kernels->block, use.a.depthStep);
  PackedOperand a(use.a, use.packA, m, depths), b(use.b, use.packB, n, depths);
  Workspace workspace;
  if (!workspace.reserve(a.bytes() + b.bytes())) {
    return Status(Code::kResourceExhausted, "gemm: no memory for packed copies of a and b");
  }
  a.place(workspace.at(0));
  b.place(workspace.at(a.bytes()));
  // Seen as A Bᵀ: b is transposed as packing understands it where the caller's is not.
  const GemmSource sourceA{call.a.data, call.a.stride, call.a.transposed};
  const GemmSource sourceB{call.b.data, call.b.stride, !call.b.transposed};
  pool->run(rows.count + columns.count, [&](int64_t part) {
    if (part < rows.count) {
      a.pack(sourceA, rows.first(part), rows.size(part));
    } else {
      b.pack(sourceB, columns.first(part - rows.count), columns.size(part - rows.count));
    }
  });
  pool->run(rows.count * columns.count, [&](int64_t part) {
    const int64_t i = part / columns.count, j = part % columns.count;
    float* c = call.c + rows.first(i) * call.cStride + columns.first(j);
    multiplyBlock(use, rows.size(i), columns.size(j), a, rows.first(i), b, columns.first(j), c, call.cStride);
  });
  return Status();
}

}  // namespace vlltr
