#pragma once

#include "cuda/features.cuh"
#include "cuda/hopper_map.h"

namespace vlltr::cuda {

/** Converted features as an operand, either way round. */
inline HopperMatrix hopperFeatures(const __nv_bfloat16* data, int64_t rows, int64_t width, bool split) {
  return {data, rows, width, featureRow(width, split), split ? paddedWidth(width) : 0};
}

}  // namespace vlltr::cuda
