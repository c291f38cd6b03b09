#pragma once

#include "vlltr/anchor_attention.h"

// What calls on the CPU and on a device have in common; whether the table is where it must be is theirs.
namespace vlltr {

/** kInvalidArgument: a null array, or an output that overlaps another array. The table is there and the batch
 * was found to fit. */
Status checkAnchorAttentionArrays(const AnchorAttentionForward& call);
Status checkAnchorAttentionArrays(const AnchorAttentionBackward& call);
Status checkAnchorAttentionArrays(const AnchorAttentionWeights& call);

}  // namespace vlltr
