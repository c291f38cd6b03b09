#include "ops/anchor_attention_checks.h"

#include <initializer_list>

#include "ops/arguments.h"

namespace vlltr {
namespace {

/** `dlogits` and, as an input, `kept`: of the gradient alone. */
Status checkArrays(const AnchorAttentionInputs& call, std::initializer_list<Span> outputs,
                   const float* dlogits = nullptr, int64_t pairs = 0,
                   const Span& kept = span<float>("kept", nullptr, 0)) {
  const int64_t d = call.table->width(), matrix = d * d;
  return checkSpans(
      "anchorAttention",
      {span("x", call.x, call.batch * d), span("wq", call.wq, matrix), span("wk", call.wk, matrix),
       span("gammaQ", call.gammaQ, d), span("betaQ", call.betaQ, d), span("gammaK", call.gammaK, d),
       span("logitScale", call.logitScale, 1), span("dlogits", dlogits, pairs), kept},
      outputs);
}

/** None where it is null. */
Span keptOf(const AnchorAttentionInputs& call, const float* kept) {
  return span("kept", kept, kept == nullptr ? 0 : anchorAttentionKept(*call.table, call.batch));
}

int64_t pairsOf(const AnchorAttentionInputs& call) { return call.batch * call.table->classes(); }

}  // namespace

Status checkAnchorAttentionArrays(const AnchorAttentionForward& call) {
  return checkArrays(call, {span("logits", call.logits, pairsOf(call)), keptOf(call, call.kept)});
}

Status checkAnchorAttentionArrays(const AnchorAttentionBackward& call) {
  const int64_t d = call.table->width();
  return checkArrays(
      call,
      {span("dx", call.dx, call.batch * d), span("dwq", call.dwq, d * d), span("dwk", call.dwk, d * d),
       span("dgammaQ", call.dgammaQ, d), span("dbetaQ", call.dbetaQ, d), span("dgammaK", call.dgammaK, d),
       span("dlogitScale", call.dlogitScale, 1)},
      call.dlogits, pairsOf(call), keptOf(call, call.kept));
}

Status checkAnchorAttentionArrays(const AnchorAttentionWeights& call) {
  const int64_t pairs = pairsOf(call), all = pairs * call.table->perClass();
  return checkArrays(call, {span("logits", call.logits, pairs), span("weights", call.weights, all),
                            span("contributions", call.contributions, all)});
}

}  // namespace vlltr
