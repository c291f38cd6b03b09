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
  __shared__ double sums[kThreads / kWarp];
  value = warpSum(value);
  __syncthreads();  // what an earlier call left has been read
  if (threadIdx.x % kWarp == 0) sums[threadIdx.x / kWarp] = value;
  __syncthreads();
  double total = 0;
#pragma unroll
  for (int w = 0; w < kThreads / kWarp; ++w) total += sums[w];
  return total;
}

}  // namespace vlltr::cuda
