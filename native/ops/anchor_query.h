#pragma once

#include "ops/workspace.h"
#include "vlltr/anchor_attention.h"

namespace vlltr {

/** Everything on the side of the B images, all [B, D] float32 unless said otherwise. */
struct AnchorQuery {
  float* normed = nullptr;   // LN(x)
  float* mean = nullptr;     // [B], of x
  float* rstd = nullptr;     // [B]
  float* q = nullptr;        // LN(x) Wq
  float* r = nullptr;        // q Wkᵀ
  float* u = nullptr;        // gammaK o r less its mean over D
  float* unit = nullptr;     // x / max(||x||, 1e-12)
  double* length = nullptr;  // [B]: ||x||
  Workspace memory;
};

/** kResourceExhausted: no memory for it. */
Status makeQuery(const AnchorAttentionInputs& call, AnchorQuery* query);

/** The gradients of all inputs but logitScale, given those of `u` and `unit` [B, D], which are overwritten.
 */
Status queryGradient(const AnchorAttentionBackward& call, const AnchorQuery& query, float* du, float* dunit);

}  // namespace vlltr
