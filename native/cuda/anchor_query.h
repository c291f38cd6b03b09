#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "cuda/arena.h"
#include "vlltr/anchor_attention.h"

namespace vlltr::cuda {

/** Everything on the side of the B images, in a device's memory. */
struct AnchorQuery {
  int64_t batch, width, stride;
  float* scale;       // [1]: exp(logitScale)
  float* one;         // [1]: 1
  float* normed;      // [B, D]: LN(x)
  float* q;           // [B, D]: LN(x) Wq
  float* r;           // [B, D]: q Wkᵀ
  float* moments;     // [B, 2], of x: mean and reciprocal deviation
  double* length;     // [B]: ||x||
  uint16_t* factors;  // [2][2 B, stride]: u, then x^, as high and low parts, zero from D on

  AnchorQuery(Arena& arena, int64_t batch, int64_t width, int64_t stride);
  constexpr int64_t low() const { return 2 * batch * stride; }
};

Status makeQuery(cudaStream_t stream, const AnchorAttentionInputs& call, const AnchorQuery& query);

/** What the gradient of the images' side needs besides. */
struct AnchorQueryGradient {
  float *du, *dunit;    // [B, D] each
  float* dr;            // [B, D]
  float *dq, *dnormed;  // [B, D]

  AnchorQueryGradient(Arena& arena, int64_t batch, int64_t width);
};

/** The gradients of all inputs but logitScale from those of u and x^, the sums over `parts` of partial
 * [parts][2 B, D]. */
Status queryGradient(cudaStream_t stream, const AnchorAttentionBackward& call, const AnchorQuery& query,
                     const AnchorQueryGradient& with, const float* partial, int parts);

}  // namespace vlltr::cuda
