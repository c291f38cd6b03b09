#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <cstdint>

#include "cuda/tile.cuh"

/** Features as factors of products. */
namespace vlltr::cuda {

/** Of rows of `width` floats: what a row takes as bfloat16, padded with 0, once or (`split`) as high and low.
 */
constexpr int64_t paddedWidth(int64_t width) { return (width + 63) / 64 * 64; }
constexpr int64_t featureRow(int64_t width, bool split) { return paddedWidth(width) * (split ? 2 : 1); }

/** Float32 rows, dense at any alignment of 4 bytes, to bfloat16 rows of featureRow(width, split). */
struct FeatureConversion {
  const float* from = nullptr;
  __nv_bfloat16* to = nullptr;
  int64_t rows = 0, width = 0;
};
constexpr int kConversions = 4;

/** Converts those with rows, in one launch. */
cudaError_t convertFeatures(cudaStream_t stream, const FeatureConversion (&list)[kConversions], bool split);

/** Rows of features, or all as [depth = rows, lines = width] for a factor that is stored so. */
inline Factor featureFactor(const __nv_bfloat16* data, int rows, int64_t width, bool split) {
  return {data, featureRow(width, split), paddedWidth(width), rows, static_cast<int>(paddedWidth(width))};
}
inline Factor transposedFeatureFactor(const __nv_bfloat16* data, int rows, int64_t width, bool split) {
  return {data, featureRow(width, split), paddedWidth(width), static_cast<int>(width), rows};
}

}  // namespace vlltr::cuda
