#pragma once

#include <cuda_runtime.h>

#include "cuda/tile.cuh"

/** Whole products in device memory on top of `tile.cuh`. */
namespace vlltr::cuda {

/** 128x128 by four warps of 64x64, whose registers let two blocks share a multiprocessor. */
template <bool kTransposedA, bool kTransposedB, int kStages = 3>
using GemmShape = TileShape<128, 128, 2, 2, kStages, kTransposedA, kTransposedB>;

/** One block's tile of `product`, handed to `use` as by forEachPair with rows and columns of the whole
 * result. */
template <class Shape, class Use>
__device__ __forceinline__ void gemmTile(char* shared, const Product& product, int firstRow, int firstColumn,
                                         Use use) {
  typename Shape::Sums sums;
  TileLoop<Shape> loop(shared, product, firstRow, firstColumn);
  loop.start();
  loop.multiply(depthTiles(product), sums);
  forEachPair<Shape>(sums, [&](float left, float right, int row, int column) {
    use(left, right, firstRow + row, firstColumn + column);
  });
}

/** Blocks that cover a result of `rows` by `columns`. */
template <class Shape>
inline int gemmBlocks(int rows, int columns) {
  return (rows + Shape::kM - 1) / Shape::kM * ((columns + Shape::kN - 1) / Shape::kN);
}

/** Lets a kernel have `bytes` of shared memory, and a multiprocessor as many of its blocks as fit. */
template <class Kernel>
cudaError_t allowShared(Kernel kernel, int bytes) {
  const cudaError_t error = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
  if (error != cudaSuccess) return error;
  return cudaFuncSetAttribute(kernel, cudaFuncAttributePreferredSharedMemoryCarveout,
                              cudaSharedmemCarveoutMaxShared);
}

/** result [a.lines, b.lines] = [result +] factor a b^T; `result` at any alignment of 4 bytes, dense. */
struct Gemm {
  Product product;
  float* result = nullptr;
  float factor = 1;
  bool accumulate = false;
};

/** A factor's `transposed` says that it is stored [depth, lines]. Enqueues only. */
cudaError_t gemm(cudaStream_t stream, const Gemm& call, bool transposedA, bool transposedB);

}  // namespace vlltr::cuda
