// Kernels with one defect each, which the emulator is to refuse, and one without.
// Usage: cuda_emulator_faults NAME
#include <cstdio>
#include <string_view>

#include "cuda/launch.cuh"
#include "cuda/mma.cuh"

namespace vlltr::cuda {
namespace {

constexpr int kThreads = 128;

/** Each thread takes what the one before it wrote to shared memory. */
__global__ void exchange(float* out, bool synchronise) {
  __shared__ float values[kThreads];
  values[threadIdx.x] = static_cast<float>(threadIdx.x);
  if (synchronise) __syncthreads();
  out[threadIdx.x] = values[max(threadIdx.x, 1u) - 1];
}

/** The same within each warp, for which the warp's barrier is enough. */
__global__ void exchangeInWarp(float* out, bool synchronise) {
  VLLTR_DYNAMIC_SHARED(float, values);
  values[threadIdx.x] = static_cast<float>(threadIdx.x);
  if (synchronise) __syncwarp();
  out[threadIdx.x] = values[threadIdx.x - (threadIdx.x % 32 > 0)];
}

__global__ void unwritten(float* out) {
  __shared__ float values[kThreads];
  if (threadIdx.x > 0) values[threadIdx.x] = 1;
  __syncthreads();
  out[threadIdx.x] = values[threadIdx.x];
}

__global__ void past(float* out) { out[threadIdx.x + 1] = 1; }

__global__ void sameFromBlocks(float* out) { out[threadIdx.x] += static_cast<float>(blockIdx.x); }

__global__ void apart(float* out) {
  if (threadIdx.x % 2 == 0) __syncthreads();
  out[threadIdx.x] = __shfl_xor_sync(~0u, 1.f, 1);
}

/** Its copies are never waited for. */
__global__ void hasty(const float* from) {
  VLLTR_DYNAMIC_SHARED(float, shared, __align__(16));
  copyAsync(sharedAddress(shared + threadIdx.x * 4), from + threadIdx.x / 4 * 4, true);
  commitCopies();
}

cudaError_t start(std::string_view name, float* memory) {
  const auto one = [](auto kernel, const auto&... arguments) {
    return launch(nullptr, kernel, 1, kThreads, kThreads * 16, arguments...);
  };
  if (name == "none") {
    const cudaError_t error = one(exchange, memory, true);
    return error == cudaSuccess ? one(exchangeInWarp, memory, true) : error;
  }
  if (name == "no-barrier") return one(exchange, memory, false);
  if (name == "no-warp-barrier") return one(exchangeInWarp, memory, false);
  if (name == "unwritten") return one(unwritten, memory);
  if (name == "past") return one(past, memory);
  if (name == "blocks") return launch(nullptr, sameFromBlocks, 2, kThreads, 0, memory);
  if (name == "apart") return one(apart, memory);
  return name == "hasty" ? one(hasty, memory) : cudaErrorInvalidValue;
}

}  // namespace
}  // namespace vlltr::cuda

int main(int count, char** words) {
  void* memory = nullptr;
  if (count != 2 || cudaMallocFromPoolAsync(&memory, 128 * sizeof(float), nullptr, nullptr) != cudaSuccess)
    return 2;
  if (vlltr::cuda::start(words[1], static_cast<float*>(memory)) != cudaSuccess ||
      cudaStreamSynchronize(nullptr) != cudaSuccess)
    return 2;
  const auto* const values = static_cast<const float*>(memory);
  return values[0] == 0 && values[127] == 126 ? 0 : 1;
}
