#pragma once

#include "vlltr/contrastive.h"

namespace vlltr {

/** kInvalidArgument: what is wrong with a call's shapes, weights or arrays; labels apart. */
Status checkContrastive(const ContrastiveForward& call);
Status checkContrastive(const ContrastiveBackward& call);

}  // namespace vlltr
