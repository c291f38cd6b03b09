#pragma once

#include "vlltr/adamw.h"
#include "vlltr/device.h"

namespace vlltr::cuda {

/**
 * As vlltr::adamw, on a device: all arrays, the gradients' too, are in its memory; the list of parameters is
 * the host's and may go when this returns. |g| is a sum in float64 over a partition that depends on the
 * parameters' lengths alone, so the same call gives the same bits. kInvalidArgument as there;
 * kResourceExhausted: 8 bytes for 8 Ki elements and 72 a parameter.
 */
Status adamw(Device& device, const Adamw& call, const LentMemory& lent = {});

/** Bytes that a call holds beyond its inputs and outputs. */
int64_t adamwWorkspace(const Adamw& call);

}  // namespace vlltr::cuda
