#pragma once

#include <cstdint>

#include "vlltr/precision.h"
#include "vlltr/status.h"

namespace vlltr {

/** A row-major float32 matrix whose rows are `stride` floats apart, or (`transposed`) its transpose. */
struct GemmMatrix {
  const float* data = nullptr;
  int64_t stride = 0;
  bool transposed = false;
};

/**
 * C = A B with A [M, K] and B [K, N], either of them stored transposed. A and B are at any alignment of
 * 4 bytes and may overlap each other, not C. How the work is cut depends on the shape alone: the same bits
 * for any number of threads. The depth is summed in parts that depend on M + N too: the bits of a row of C
 * are not those of the same row in a product of fewer rows.
 */
struct Gemm {
  int64_t rows = 0;     // M >= 0
  int64_t columns = 0;  // N >= 0
  int64_t depth = 0;    // K >= 0; 0 gives zeros
  GemmMatrix a;         // stride >= K, or M where transposed
  GemmMatrix b;         // stride >= N, or K where transposed
  float* c = nullptr;   // [M, N]
  int64_t cStride = 0;  // >= N
  Precision precision = Precision::kFloat32;
};

/**
 * kInvalidArgument: a bad shape or stride, or an overlap; kResourceExhausted: no memory for packed parts of A
 * and B (about 16 MiB, or more where both have thousands of rows); kInvalidArgument/kUnavailable: VLLTR_ISA,
 * VLLTR_THREADS.
 */
Status gemm(const Gemm& call);

}  // namespace vlltr
