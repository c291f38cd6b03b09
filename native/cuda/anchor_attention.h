#pragma once

#include "vlltr/anchor_attention.h"
#include "vlltr/device.h"

namespace vlltr::cuda {

/** Anchors of one class that a device's table takes. */
constexpr int64_t kMostAnchors = 1024;

/**
 * The attention to anchors on a device: a table made on it, and all arrays in its memory. kInvalidArgument
 * for a table that lies elsewhere too. The same bits every time.
 */
Status anchorAttention(Device& device, const AnchorAttentionForward& call, const LentMemory& lent = {});
Status anchorAttention(Device& device, const AnchorAttentionBackward& call, const LentMemory& lent = {});
Status anchorAttention(Device& device, const AnchorAttentionWeights& call);

/** What is wrong with a call's table or sizes. */
Status checkAnchorAttention(const Device& device, const AnchorAttentionInputs& call);

/** Anchors that later calls go through at once at most, but for a class that has more; 0, as at first: as
 * many as suit the card. For tests, as few tables that they have time for are of several parts. */
void setAnchorChunk(int64_t anchors);

/** Bytes that a call holds beyond its inputs and outputs. */
int64_t anchorAttentionWorkspace(const Device& device, const AnchorTable& table, int64_t batch,
                                 bool gradient);

}  // namespace vlltr::cuda
