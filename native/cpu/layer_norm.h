#pragma once

#include <cstdint>

#include "vlltr/isa_kind.h"

namespace vlltr {

/** The kernels of one instruction set, over consecutive rows; pointers are those of the first of them. */
struct LayerNormKernels {
  Isa isa;
  void (*forward)(int64_t rows, int64_t width, float epsilon, const float* x, const float* gamma,
                  const float* beta, float* y, float* mean, float* rstd);
  /** Adds the rows' share of the sums to `dgamma` and `dbeta`, [width] each. */
  void (*backward)(int64_t rows, int64_t width, const float* dy, const float* x, const float* gamma,
                   const float* mean, const float* rstd, float* dx, double* dgamma, double* dbeta);
};

extern const LayerNormKernels kLayerNormAvx512Bf16;
extern const LayerNormKernels kLayerNormAvx512;
extern const LayerNormKernels kLayerNormAvx2;
extern const LayerNormKernels kLayerNormGeneric;

}  // namespace vlltr
