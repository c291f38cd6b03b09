#pragma once

#include <vector>

#include "ops/adamw_factors.h"
#include "vlltr/adamw.h"

// What a step on the CPU and one on a device have in common: all but the arithmetic of the elements.
namespace vlltr {

/** Added to |g| where it divides. */
inline constexpr double kAdamwClipEpsilon = 1e-6;

/** kInvalidArgument as adamw.h has it. Pointers are compared, not followed. May throw std::bad_alloc. */
Status checkAdamwCall(const Adamw& call);

/** What the step comes to for each parameter, the gradient scaled by `clip`. May throw std::bad_alloc. */
std::vector<AdamwFactors> adamwFactors(const Adamw& call, double clip);

}  // namespace vlltr
