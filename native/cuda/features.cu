#include <algorithm>

#include "cuda/bfloat16.h"
#include "cuda/features.cuh"
#include "cuda/launch.cuh"

namespace vlltr::cuda {
namespace {

constexpr int kThreads = 256;

struct Conversions {
  FeatureConversion list[kConversions];
};

/** A thread converts pieces of eight elements; a piece's 16 bytes are written at once. */
template <bool kSplit>
__global__ void __launch_bounds__(kThreads) convert(const __grid_constant__ Conversions all) {
  const FeatureConversion& one = all.list[blockIdx.y];
  const int64_t padded = paddedWidth(one.width), pieces = padded / kPiece;
  const bool wide = one.width % 4 == 0 && reinterpret_cast<uintptr_t>(one.from) % 16 == 0;
  for (int64_t at = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x; at < one.rows * pieces;
       at += static_cast<int64_t>(gridDim.x) * kThreads) {
    const int64_t row = at / pieces, column = at % pieces * kPiece;
    const float* from = one.from + row * one.width + column;
    float values[kPiece];
    if (wide && column + kPiece <= one.width) {
      const float4 a = reinterpret_cast<const float4*>(from)[0], b = reinterpret_cast<const float4*>(from)[1];
      values[0] = a.x, values[1] = a.y, values[2] = a.z, values[3] = a.w;
      values[4] = b.x, values[5] = b.y, values[6] = b.z, values[7] = b.w;
    } else {
#pragma unroll
      for (int i = 0; i < kPiece; ++i) values[i] = column + i < one.width ? from[i] : 0.f;
    }
    uint32_t high[kPiece / 2], low[kPiece / 2];
#pragma unroll
    for (int i = 0; i < kPiece / 2; ++i) {
      const SplitFloat x = splitFloat(values[2 * i]), y = splitFloat(values[2 * i + 1]);
      high[i] = x.high | static_cast<uint32_t>(y.high) << 16;
      low[i] = x.low | static_cast<uint32_t>(y.low) << 16;
    }
    __nv_bfloat16* to = one.to + row * padded * (kSplit ? 2 : 1) + column;
    *reinterpret_cast<uint4*>(to) = make_uint4(high[0], high[1], high[2], high[3]);
    if constexpr (kSplit) *reinterpret_cast<uint4*>(to + padded) = make_uint4(low[0], low[1], low[2], low[3]);
  }
}

}  // namespace

cudaError_t convertFeatures(cudaStream_t stream, const FeatureConversion (&list)[kConversions], bool split) {
  Conversions all;
  int count = 0;
  int64_t most = 0;
  for (const FeatureConversion& one : list) {
    if (one.rows == 0 || one.width == 0) continue;
    all.list[count++] = one;
    most = std::max(most, one.rows * paddedWidth(one.width) / kPiece);
  }
  if (count == 0) return cudaSuccess;
  // Enough blocks for any card to be full; what is left is looped over.
  const dim3 grid(static_cast<unsigned>(std::min<int64_t>((most + kThreads - 1) / kThreads, 4096)),
                  static_cast<unsigned>(count));
  return launch(stream, split ? convert<true> : convert<false>, grid, kThreads, 0, all);
}

}  // namespace vlltr::cuda
