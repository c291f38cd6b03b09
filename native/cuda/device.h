#pragma once

#include <cuda_runtime.h>

#include <mutex>

#include "vlltr/device.h"

namespace vlltr {
namespace cuda {

/** Page-locked memory of the host in two halves, for copies to and from a device (staging.h). */
struct StagingBuffer {
  static constexpr int64_t kHalf = int64_t{8} << 20;

  std::mutex mutex;  // held while it is in use
  char* memory = nullptr;
  cudaEvent_t done[2] = {};  // the last copy from or into each half

  /** Makes it, once. */
  Status reserve();
  char* half(int which) const { return memory + which * kHalf; }
  ~StagingBuffer();
};

}  // namespace cuda

struct Device::Data {
  Card card;
  cudaStream_t stream = nullptr;
  cudaMemPool_t pool = nullptr;  // its own: it keeps memory between calls, which others' pools need not
  cudaEvent_t marks[2] = {};
  cuda::StagingBuffer staging;
  std::mutex enqueue;  // held while a call is enqueued, so that its kernels and its workspace are its own
};

namespace cuda {

/** What CUDA said, or ok. */
Status check(cudaError_t error, const char* during);

/** Makes the device current for this thread while in scope. */
class Current {
 public:
  explicit Current(const Device& device);
  ~Current();
  Current(const Current&) = delete;
  Current& operator=(const Current&) = delete;

 private:
  int before_ = -1;
};

}  // namespace cuda
}  // namespace vlltr
