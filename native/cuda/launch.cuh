#pragma once

#include <cuda_runtime.h>

/** What only nvcc can read of starting a kernel; the emulator of native/test has its own. */
namespace vlltr::cuda {

/** Declares the block's shared memory, of as many bytes as its launch asked for. */
#define VLLTR_DYNAMIC_SHARED(type, name, ...) extern __shared__ __VA_ARGS__ type name[]

/** Enqueues `kernel`, with so many bytes of dynamic shared memory. */
template <class... Parameters, class... Arguments>
[[nodiscard]] cudaError_t launch(cudaStream_t stream, void (*kernel)(Parameters...), dim3 grid, int threads,
                                 int shared, const Arguments&... arguments) {
  kernel<<<grid, threads, shared, stream>>>(arguments...);
  return cudaGetLastError();
}

}  // namespace vlltr::cuda
