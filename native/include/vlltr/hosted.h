#pragma once

#include "vlltr/adamw.h"
#include "vlltr/device.h"

/**
 * The ops on a device, for arrays in the host's memory: copied there through page-locked memory, and the
 * results back. They wait. Checked as on the CPU; nothing is written to where a call is refused. kUnavailable
 * in a build without CUDA.
 */
namespace vlltr::hosted {

Status adamw(Device& device, const Adamw& call);

}  // namespace vlltr::hosted
