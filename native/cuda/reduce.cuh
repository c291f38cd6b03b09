#pragma once

namespace vlltr::cuda {

constexpr int kWarp = 32;

template <class T>
__device__ __forceinline__ T warpSum(T value) {
#pragma unroll
  for (int offset = kWarp / 2; offset > 0; offset /= 2) value += __shfl_xor_sync(0xffffffffu, value, offset);
  return value;
}

__device__ __forceinline__ float warpMost(float value) {
#pragma unroll
  for (int offset = kWarp / 2; offset > 0; offset /= 2) {
    value = fmaxf(value, __shfl_xor_sync(0xffffffffu, value, offset));
  }
  return value;
}

/** The sum over a block's kThreads threads, for all of them, always in the same order. */
template <int kThreads>
__device__ double blockSum(double value) {
  constexpr int kWarps = kThreads / kWarp;
  static_assert(kWarps <= kWarp);
  __shared__ double sums[kWarps];
  value = warpSum(value);
  __syncthreads();  // what an earlier call left has been read
  if (threadIdx.x % kWarp == 0) sums[threadIdx.x / kWarp] = value;
  __syncthreads();
  // By each warp: a thread that read all of them would have them in registers, of which large blocks have
  // few.
  const int lane = threadIdx.x % kWarp;
  return warpSum(lane < kWarps ? sums[lane] : 0.0);
}

}  // namespace vlltr::cuda
