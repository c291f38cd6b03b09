#pragma once

#include <cstdint>

#include "vlltr/status.h"

namespace vlltr {

/**
 * Layer normalisation of each row (Ba, Kiros, Hinton 2016, eq. 4):
 *   mean_r = (1/D) sum_d x_rd,  rstd_r = 1 / sqrt((1/D) sum_d (x_rd - mean_r)^2 + epsilon),
 *   y_rd = (x_rd - mean_r) rstd_r gamma_d + beta_d.
 * All arrays are float32, row-major and dense, at any alignment of 4 bytes. Outputs must not overlap each
 * other or an input. Sums are taken in float64 over two passes, so rows with |mean| far above their
 * deviation, or with |x| up to 1e36, keep float32 accuracy.
 */
struct LayerNormForward {
  int64_t rows = 0;              // R >= 0
  int64_t width = 0;             // D >= 1
  float epsilon = 0;             // >= 0, finite
  const float* x = nullptr;      // [R, D]
  const float* gamma = nullptr;  // [D]
  const float* beta = nullptr;   // [D]
  float* y = nullptr;            // [R, D]
  float* mean = nullptr;         // [R]
  float* rstd = nullptr;         // [R]
};

/**
 * Its gradient. With xhat = (x - mean) rstd and g = dy gamma:
 *   dx = rstd (g - mean_D(g) - xhat mean_D(g xhat)),  dgamma = sum_R dy xhat,  dbeta = sum_R dy.
 * `mean` and `rstd` are those of the forward call. The sums over rows run over a partition that depends on
 * the shape alone: the same bits for any number of threads.
 */
struct LayerNormBackward {
  int64_t rows = 0;
  int64_t width = 0;
  const float* dy = nullptr;     // [R, D]
  const float* x = nullptr;      // [R, D]
  const float* gamma = nullptr;  // [D]
  const float* mean = nullptr;   // [R]
  const float* rstd = nullptr;   // [R]
  float* dx = nullptr;           // [R, D]
  float* dgamma = nullptr;       // [D]
  float* dbeta = nullptr;        // [D]
};

/** kInvalidArgument: a bad shape, epsilon or an overlap; kInvalidArgument/kUnavailable: VLLTR_ISA,
 * VLLTR_THREADS. */
Status layerNorm(const LayerNormForward& call);

/** As above; kResourceExhausted when the partial sums (at most 1 KiB a column) cannot be had. */
Status layerNorm(const LayerNormBackward& call);

}  // namespace vlltr
