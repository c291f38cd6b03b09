#pragma once

#include <cstdint>

#include "vlltr/adamw.h"
#include "vlltr/anchor_attention.h"
#include "vlltr/contrastive.h"
#include "vlltr/device.h"

/**
 * The ops on a device, for arrays that are in its memory already. In two parts, so that a caller whose memory
 * is not the device's own can find all of it before anything is enqueued: `prepare` checks a call as the CPU
 * does, and says how many bytes it is to be lent; the op itself enqueues what was prepared on the device's
 * stream. kUnavailable in a build without CUDA.
 */
namespace vlltr::resident {

Status prepare(const Device& device, const Adamw& call, int64_t* bytes);
/** Labels are the host's, and are read until the work is done: in locked pages they are copied no earlier.
 * The list of parameters of AdamW may go when the call returns. */
Status prepare(const Device& device, const ContrastiveForward& call, int64_t* bytes);
Status prepare(const Device& device, const ContrastiveBackward& call, int64_t* bytes);
/** With tables made on the device. `kept` is neither filled nor read. */
Status prepare(const Device& device, const AnchorAttentionForward& call, int64_t* bytes);
Status prepare(const Device& device, const AnchorAttentionBackward& call, int64_t* bytes);

Status adamw(Device& device, const Adamw& call, const LentMemory& lent);
/** The pass, and `losses` [3] of its whole batch. `targetSum` is not used. Similarities are kept where there
 * is room for them, but on compute capability 9.0, which forms them again as fast. */
Status contrastive(Device& device, const ContrastiveForward& call, float* losses, const LentMemory& lent);
Status contrastive(Device& device, const ContrastiveBackward& call, const LentMemory& lent);
Status anchorAttention(Device& device, const AnchorAttentionForward& call, const LentMemory& lent);
Status anchorAttention(Device& device, const AnchorAttentionBackward& call, const LentMemory& lent);

}  // namespace vlltr::resident
