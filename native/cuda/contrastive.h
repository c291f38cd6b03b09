#pragma once

#include "vlltr/contrastive.h"
#include "vlltr/device.h"

namespace vlltr::cuda {

/**
 * As vlltr's, with all arrays in the device's memory; enqueued on its stream, the scale and the upstream
 * gradient are read there. Shapes are checked by the caller, labels are not looked at. The same call gives
 * the same bits on the same card. kResourceExhausted: no memory for the workspace, which is the texts'
 * features in bfloat16 (twice that for kFloat32), a strip of the images', and blocks of bounded size.
 */
Status contrastive(Device& device, const ContrastiveForward& call, const LentMemory& lent = {});
Status contrastive(Device& device, const ContrastiveBackward& call, const LentMemory& lent = {});
Status contrastive(Device& device, const ContrastiveLosses& call);
Status mergeContrastive(Device& device, int64_t n, const ContrastiveStatistics& other,
                        const ContrastiveStatistics& into);

/** Bytes that a call takes beyond its inputs and outputs. */
int64_t contrastiveWorkspace(const Device& device, const ContrastiveForward& call);
int64_t contrastiveWorkspace(const Device& device, const ContrastiveBackward& call);

}  // namespace vlltr::cuda
