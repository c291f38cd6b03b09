#pragma once

#include "vlltr/device.h"

/** Some ops have kernels for some cards, or for some shapes, beside those for all. */
namespace vlltr::cuda {

enum class Path {
  kFastest,  // what is for the card and the shape, and a card has run
  kUntried,  // what no card has run yet, too
  kMma,      // nothing that is for some cards alone
  kGeneral,  // nor what is for some shapes alone
};

/** Of all later calls, whatever the device. kFastest unless the environment has VLLTR_CUDA_PATH=mma, or
 * =untried. */
void setPath(Path path);
Path path();

/** Whether a call takes the kernels for compute capability 9.0, which this build may lack. */
bool takesHopper(const Device& device);

}  // namespace vlltr::cuda
