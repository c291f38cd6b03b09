// The host's part of hopper.cuh: how the copy engine is told of a matrix.
#pragma once

#include <cuda.h>

#include <cstdint>

#include "vlltr/status.h"

namespace vlltr::cuda {

/** bf16 in device memory, at a multiple of 16 bytes, rows a multiple of 8 elements apart. */
struct HopperMatrix {
  const void* data = nullptr;
  int64_t rows = 0, columns = 0;
  int64_t stride = 0;  // elements from a row to the next
  int64_t low = 0;     // elements from the high parts to the low parts, where a matrix is split into both

  /** The high parts, or the low ones. */
  HopperMatrix part(int which) const {
    return {static_cast<const char*>(data) + which * low * 2, rows, columns, stride};
  }
};

/** A map whose boxes are 64 columns wide (128 bytes, swizzled) and `boxRows` high. */
Status mapMatrix(const HopperMatrix& matrix, int boxRows, CUtensorMap* map);

}  // namespace vlltr::cuda
