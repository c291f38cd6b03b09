#include "cuda/hopper_map.h"

#include <cudaTypedefs.h>
#include <cuda_runtime.h>

#include <string>

#include "cuda/device.h"

namespace vlltr::cuda {
namespace {

/** The driver's function: found through the runtime, so that nothing links with the driver's library. */
PFN_cuTensorMapEncodeTiled_v12000 encoder() {
  static const PFN_cuTensorMapEncodeTiled_v12000 found = [] {
    void* function = nullptr;
    cudaDriverEntryPointQueryResult result = cudaDriverEntryPointSymbolNotFound;
    const cudaError_t error = cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &function, 12000,
                                                               cudaEnableDefault, &result);
    if (error != cudaSuccess) cudaGetLastError();
    const bool good = error == cudaSuccess && result == cudaDriverEntryPointSuccess;
    return reinterpret_cast<PFN_cuTensorMapEncodeTiled_v12000>(good ? function : nullptr);
  }();
  return found;
}

}  // namespace

Status mapMatrix(const HopperMatrix& matrix, int boxRows, CUtensorMap* map) {
  if (encoder() == nullptr) return unavailable("the driver has no cuTensorMapEncodeTiled");
  const cuuint64_t sizes[2] = {static_cast<cuuint64_t>(matrix.columns), static_cast<cuuint64_t>(matrix.rows)};
  const cuuint64_t strides[1] = {static_cast<cuuint64_t>(matrix.stride) * 2};
  const cuuint32_t box[2] = {64, static_cast<cuuint32_t>(boxRows)};
  const cuuint32_t every[2] = {1, 1};
  const CUresult result =
      encoder()(map, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, 2, const_cast<void*>(matrix.data), sizes, strides, box,
                every, CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B,
                CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  if (result == CUDA_SUCCESS) return Status();
  return Status(Code::kInternal, "CUDA, describing a matrix [" + std::to_string(matrix.rows) + ", " +
                                     std::to_string(matrix.columns) + "] of row stride " +
                                     std::to_string(matrix.stride) + " to the copy engine: error " +
                                     std::to_string(static_cast<int>(result)));
}

}  // namespace vlltr::cuda
