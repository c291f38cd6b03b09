#pragma once

#include "vlltr/contrastive.h"
#include "vlltr/device.h"

/** The contrastive op's passes for compute capability 9.0; as contrastive.h's, which call these where
 * `takesHopper` says so. S is never kept: to form it anew costs no more than to write and read it. */
namespace vlltr::cuda {

Status contrastiveHopper(Device& device, const ContrastiveForward& call, const LentMemory& lent);
Status contrastiveHopper(Device& device, const ContrastiveBackward& call, const LentMemory& lent);
int64_t contrastiveHopperWorkspace(const Device& device, const ContrastiveForward& call);
int64_t contrastiveHopperWorkspace(const Device& device, const ContrastiveBackward& call);

}  // namespace vlltr::cuda
