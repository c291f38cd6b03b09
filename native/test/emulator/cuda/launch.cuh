// In place of native/cuda/launch.cuh.
#pragma once

#include <cuda_runtime.h>

namespace vlltr::cuda {

#define VLLTR_DYNAMIC_SHARED(type, name, ...) \
  type* const name = reinterpret_cast<type*>(emulator::here.shared)

template <class... Parameters, class... Arguments>
[[nodiscard]] cudaError_t launch(cudaStream_t stream, void (*kernel)(Parameters...), dim3 grid, int threads,
                                 int shared, const Arguments&... arguments) {
  return emulator::enqueueKernel(
      stream, {{grid.x, grid.y, grid.z}, {static_cast<unsigned>(threads), 1, 1}, static_cast<size_t>(shared)},
      kernel, arguments...);
}

}  // namespace vlltr::cuda
