#pragma once

#include "cpu/gemm.h"
#include "vlltr/status.h"

namespace vlltr {

/** The matrix product's kernels for the instruction set in use, for the ops built on them. */
Status gemmKernels(const GemmKernels** kernels);

}  // namespace vlltr
