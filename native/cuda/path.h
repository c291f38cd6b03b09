#pragma once

#include "vlltr/device.h"

/** Some ops have kernels for some cards beside those for all. */
namespace vlltr::cuda {

enum class Path { kFastest, kGeneral };

/** Of all later calls, whatever the device. kFastest unless the environment has VLLTR_CUDA_PATH=mma. */
void setPath(Path path);
Path path();

/** Whether a call takes the kernels for compute capability 9.0, which this build may lack. */
bool takesHopper(const Device& device);

}  // namespace vlltr::cuda
