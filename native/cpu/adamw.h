#pragma once

#include <cstdint>

#include "vlltr/isa_kind.h"

namespace vlltr {

/** What a step comes to for the elements of one parameter. */
struct AdamwFactors {
  float clip;         // on the gradient
  float keepM, addM;  // beta1, 1 - beta1
  float keepV, addV;  // beta2, 1 - beta2
  float unbiasRootV;  // 1 / sqrt(1 - beta2^t)
  float epsilon;
  float stepSize;  // eta / (1 - beta1^t)
  float decay;     // eta lambda
  float upperBound;
};

/** The kernels of one instruction set, over consecutive elements. */
struct AdamwKernels {
  Isa isa;
  /** The sum of squares in float64. */
  double (*squares)(int64_t count, const float* grad);
  void (*update)(int64_t count, const AdamwFactors& factors, const float* grad, const float* params,
                 const float* m, const float* v, float* newParams, float* newM, float* newV);
};

extern const AdamwKernels kAdamwAvx512Bf16;
extern const AdamwKernels kAdamwAvx512;
extern const AdamwKernels kAdamwAvx2;
extern const AdamwKernels kAdamwGeneric;

}  // namespace vlltr
