#pragma once

#include <cstdint>

#include "ops/adamw_factors.h"
#include "vlltr/isa_kind.h"

namespace vlltr {

/** The kernels of one instruction set, over consecutive elements. */
struct AdamwKernels {
  Isa isa;
  /** The sum of squares in float64. */
  double (*squares)(int64_t count, const float* grad);
  /** `streamed`: past the caches, for vectors that they do not hold. */
  void (*update)(int64_t count, const AdamwFactors& factors, const float* grad, const float* params,
                 const float* m, const float* v, float* newParams, float* newM, float* newV, bool streamed);
};

extern const AdamwKernels kAdamwAvx512Bf16;
extern const AdamwKernels kAdamwAvx512;
extern const AdamwKernels kAdamwAvx2;
extern const AdamwKernels kAdamwGeneric;

}  // namespace vlltr
