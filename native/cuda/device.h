#pragma once

#include <cuda_runtime.h>

#include <mutex>

#include "vlltr/device.h"

namespace vlltr {

struct Device::Data {
  Card card;
  cudaStream_t stream = nullptr;
  cudaMemPool_t pool = nullptr;  // its own: it keeps memory between calls, which others' pools need not
  cudaEvent_t marks[2] = {};
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
