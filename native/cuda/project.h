#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "vlltr/status.h"

namespace vlltr::cuda {

/** A float32 matrix, transposed or not: element (i, j) is data[i stride + j], or data[j stride + i]. */
struct Matrix {
  const float* data;
  int64_t stride;
  bool transposed;
};

/**
 * c [rows, columns] = a [rows, depth] b [depth, columns], as exact as float32: each factor is split into two
 * of 11 bits. Made for few rows, where the time is that of one block's way through the depth: many small
 * blocks, their warps sharing the depth. The depth may be 0.
 */
struct Projection {
  int64_t rows, columns, depth;
  Matrix a, b;
  float* c;
};
Status project(cudaStream_t stream, const Projection& call);

}  // namespace vlltr::cuda
