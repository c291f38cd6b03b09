#include "cuda/gemm.cuh"
#include "cuda/launch.cuh"

namespace vlltr::cuda {
namespace {

template <class Shape>
__global__ void __launch_bounds__(Shape::kThreads, 2) gemmKernel(const __grid_constant__ Gemm call) {
  VLLTR_DYNAMIC_SHARED(char, shared, __align__(128));
  const int rows = call.product.a.lines, columns = call.product.b.lines;
  const TileAt at =
      tileOfBlock(blockIdx.x, (rows + Shape::kM - 1) / Shape::kM, (columns + Shape::kN - 1) / Shape::kN);
  gemmTile<Shape>(shared, call.product, at.row * Shape::kM, at.column * Shape::kN,
                  [&](float left, float right, int row, int column) {
                    if (row >= rows) return;
                    float* to = call.result + static_cast<int64_t>(row) * columns + column;
                    if (column < columns) to[0] = call.factor * left + (call.accumulate ? to[0] : 0);
                    if (column + 1 < columns) to[1] = call.factor * right + (call.accumulate ? to[1] : 0);
                  });
}

template <bool kTransposedA, bool kTransposedB>
cudaError_t multiply(cudaStream_t stream, const Gemm& call) {
  using Shape = GemmShape<kTransposedA, kTransposedB>;
  const cudaError_t error = allowShared(gemmKernel<Shape>, Shape::kSharedBytes);
  if (error != cudaSuccess) return error;
  const int blocks = gemmBlocks<Shape>(call.product.a.lines, call.product.b.lines);
  return launch(stream, gemmKernel<Shape>, blocks, Shape::kThreads, Shape::kSharedBytes, call);
}

}  // namespace

cudaError_t gemm(cudaStream_t stream, const Gemm& call, bool transposedA, bool transposedB) {
  if (transposedA)
    return transposedB ? multiply<true, true>(stream, call) : multiply<true, false>(stream, call);
  return transposedB ? multiply<false, true>(stream, call) : multiply<false, false>(stream, call);
}

}  // namespace vlltr::cuda
