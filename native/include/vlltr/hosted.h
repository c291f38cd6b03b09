#pragma once

#include "vlltr/adamw.h"
#include "vlltr/anchor_attention.h"
#include "vlltr/contrastive.h"
#include "vlltr/device.h"

/**
 * The ops on a device, for arrays in the host's memory: copied there through page-locked memory, and the
 * results back. They wait. Checked as on the CPU; nothing is written to where a call is refused. kUnavailable
 * in a build without CUDA.
 */
namespace vlltr::hosted {

Status adamw(Device& device, const Adamw& call);

/** `kept` is neither filled nor read: similarities are computed again sooner than they are copied. */
Status contrastive(Device& device, const ContrastiveForward& call);
Status contrastive(Device& device, const ContrastiveBackward& call);

/** With tables made on the device. `kept` is neither filled nor read. */
Status anchorAttention(Device& device, const AnchorAttentionForward& call);
Status anchorAttention(Device& device, const AnchorAttentionBackward& call);
Status anchorAttention(Device& device, const AnchorAttentionWeights& call);

}  // namespace vlltr::hosted
