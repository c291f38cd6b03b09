#pragma once

#include <string>
#include <vector>

#include "vlltr/isa_kind.h"
#include "vlltr/status.h"

namespace vlltr {

/** `generic`, `avx2`, `avx512` or `avx512bf16`. */
const char* isaName(Isa isa);

/** The instruction sets that this build has and this processor runs, best first. */
std::vector<Isa> availableIsas();

/**
 * The instruction set in use: the best available one, or the one that VLLTR_ISA names.
 * Read once a process. An unknown name is kInvalidArgument, one that cannot be had kUnavailable.
 */
Status chosenIsa(Isa* isa);

/** As `chosenIsa`, for a given value of VLLTR_ISA (null or empty: best available). */
Status parseIsa(const char* name, Isa* isa);

}  // namespace vlltr
