#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "vlltr/status.h"

namespace vlltr {

/** One parameter: its gradient, and how its elements are treated. */
struct AdamwParameter {
  const float* grad = nullptr;                                // [length]
  int64_t length = 0;                                         // >= 0
  float weightDecay = 0;                                      // lambda; finite, >= 0
  float rate = 1;                                             // factor on the learning rate; finite
  float upperBound = std::numeric_limits<float>::infinity();  // of each element after the step; not NaN
};

/**
 * One step of AdamW (Loshchilov and Hutter, ICLR 2019, algorithm 2) over all parameters, which lie one behind
 * the other in vectors of N elements. With the gradient g of all of them together,
 *   c = min(1, clipNorm / (|g| + 1e-6)) g            (torch.nn.utils.clip_grad_norm_)
 *   m' = beta1 m + (1 - beta1) c,  v' = beta2 v + (1 - beta2) c^2,  eta_i = learningRate rate_i,
 *   p' = p - eta_i (lambda_i p + m' / (1 - beta1^t) / (sqrt(v' / (1 - beta2^t)) + epsilon)),  t = step,
 * then at most upperBound_i (NaN stays NaN). Arrays are float32 and dense, at any alignment of 4 bytes;
 * outputs must not overlap each other or an input. Elements are computed in float32; |g| is a sum in float64
 * over a partition that depends on N alone, so results have the same bits for any number of threads.
 */
struct Adamw {
  int64_t size = 0;                                           // N >= 0
  std::vector<AdamwParameter> parameters;                     // in order; their lengths add up to N
  const float* params = nullptr;                              // [N], p
  const float* m = nullptr;                                   // [N]
  const float* v = nullptr;                                   // [N]
  double learningRate = 0;                                    // any value: a bad one shows in the results
  double step = 1;                                            // t, this one included: >= 1
  double beta1 = 0.9;                                         // in [0, 1)
  double beta2 = 0.999;                                       // in [0, 1)
  double epsilon = 1e-8;                                      // >= 0, finite
  double clipNorm = std::numeric_limits<double>::infinity();  // > 0; infinity: no clipping
  float* newParams = nullptr;                                 // [N], p'
  float* newM = nullptr;                                      // [N]
  float* newV = nullptr;                                      // [N]
  float* gradNorm = nullptr;                                  // [1], |g| before clipping
};

/** kInvalidArgument: a bad length, constant or an overlap; kInvalidArgument/kUnavailable: VLLTR_ISA,
 * VLLTR_THREADS; kResourceExhausted: the partial sums (at most 8 bytes for 32 Ki elements). */
Status adamw(const Adamw& call);

}  // namespace vlltr
