#include "vlltr/anchor_attention.h"

#include <string>

#include "anchor_tables.h"
#include "tensorflow/card.h"
#include "tensorflow/register.h"

namespace vlltr::tensorflow {
namespace {

// Inputs of both ops, and those behind them. `counts` says the number of classes to shape inference, and
// `kept_size`, [K, 0], how much the forward pass keeps for the gradient.
enum { kTable, kCounts, kX, kWq, kWk, kGammaQ, kBetaQ, kGammaK, kLogitScale, kKeptSize };
enum { kDlogits = kKeptSize, kKept };

struct Settings {
  bool detachNorm;
};

void* create(TF_OpKernelConstruction* construction) {
  TfStatus status;
  unsigned char detachNorm = 0;
  api().OpKernelConstruction_GetAttrBool(construction, "detach_norm", &detachNorm, status);
  if (!status.ok()) {
    api().OpKernelConstruction_Failure(construction, status);
    return nullptr;
  }
  return new Settings{detachNorm != 0};
}

void destroy(void* settings) { delete static_cast<Settings*>(settings); }

Status readInputs(KernelCall& kernel, std::shared_ptr<const AnchorTable>* table,
                  AnchorAttentionInputs* call) {
  const int32_t *number = nullptr, *counts = nullptr;
  Shape shape;
  VLLTR_RETURN_IF_ERROR(kernel.input(kTable, &number, &shape));
  if (elements(shape) != 1) return invalidArgument("table is " + format(shape) + ", expected a scalar");
  VLLTR_RETURN_IF_ERROR(findAnchorTable(*number, table));
  call->table = table->get();
  const int64_t d = call->table->width();
  VLLTR_RETURN_IF_ERROR(kernel.input(kCounts, &counts, &shape));
  if (shape != Shape{call->table->classes()}) {
    return invalidArgument("counts is " + format(shape) + ", expected " + format({call->table->classes()}));
  }
  VLLTR_RETURN_IF_ERROR(kernel.input(kX, &call->x, &shape));
  if (shape.size() != 2 || shape[1] != d) {
    return invalidArgument("x is " + format(shape) + ", expected [B, " + std::to_string(d) + "]");
  }
  call->batch = shape[0];
  VLLTR_RETURN_IF_ERROR(kernel.input(kWq, "wq", {d, d}, &call->wq));
  VLLTR_RETURN_IF_ERROR(kernel.input(kWk, "wk", {d, d}, &call->wk));
  VLLTR_RETURN_IF_ERROR(kernel.input(kGammaQ, "gamma_q", {d}, &call->gammaQ));
  VLLTR_RETURN_IF_ERROR(kernel.input(kBetaQ, "beta_q", {d}, &call->betaQ));
  VLLTR_RETURN_IF_ERROR(kernel.input(kGammaK, "gamma_k", {d}, &call->gammaK));
  return kernel.input(kLogitScale, "logit_scale", {}, &call->logitScale);
}

Status checkKept(const AnchorAttentionInputs& call, int64_t kept) {
  const int64_t all = anchorAttentionKept(*call.table, call.batch);
  if (kept == 0 || kept == all) return Status();
  return invalidArgument("there is room for " + std::to_string(kept) + " kept elements, expected 0 or " +
                         std::to_string(all));
}

/** By the kernels of the place. */
template <Place kPlace, class Call>
Status attend(KernelCall& kernel, const Call& call) {
  if (kPlace == Place::kProcessor) return anchorAttention(call);
  return runOnCard(kernel, call, [&](Device& device, const LentMemory& lent) {
    return resident::anchorAttention(device, call, lent);
  });
}

template <Place kPlace>
void forward(void*, TF_OpKernelContext* context) {
  guarded(context, kPlace, [&](KernelCall& kernel) -> Status {
    AnchorAttentionForward call;
    std::shared_ptr<const AnchorTable> table;
    VLLTR_RETURN_IF_ERROR(readInputs(kernel, &table, &call));
    Shape kept;
    const float* nothing = nullptr;
    VLLTR_RETURN_IF_ERROR(kernel.input(kKeptSize, &nothing, &kept));
    if (kept.size() != 2) return invalidArgument("kept_size is " + format(kept) + ", expected [K, 0]");
    VLLTR_RETURN_IF_ERROR(checkKept(call, kept[0]));
    VLLTR_RETURN_IF_ERROR(kernel.output(0, {call.batch, table->classes()}, &call.logits));
    VLLTR_RETURN_IF_ERROR(kernel.output(1, {kept[0]}, &call.kept));
    if (kept[0] == 0) call.kept = nullptr;
    return attend<kPlace>(kernel, call);
  });
}

template <Place kPlace>
void backward(void* settings, TF_OpKernelContext* context) {
  guarded(context, kPlace, [&](KernelCall& kernel) -> Status {
    AnchorAttentionBackward call;
    std::shared_ptr<const AnchorTable> table;
    VLLTR_RETURN_IF_ERROR(readInputs(kernel, &table, &call));
    const int64_t d = table->width();
    call.detachNorm = static_cast<Settings*>(settings)->detachNorm;
    VLLTR_RETURN_IF_ERROR(kernel.input(kDlogits, "dlogits", {call.batch, table->classes()}, &call.dlogits));
    Shape kept;
    VLLTR_RETURN_IF_ERROR(kernel.input(kKept, &call.kept, &kept));
    VLLTR_RETURN_IF_ERROR(checkKept(call, elements(kept)));
    if (elements(kept) == 0) call.kept = nullptr;
    VLLTR_RETURN_IF_ERROR(kernel.output(0, {call.batch, d}, &call.dx));
    VLLTR_RETURN_IF_ERROR(kernel.output(1, {d, d}, &call.dwq));
    VLLTR_RETURN_IF_ERROR(kernel.output(2, {d, d}, &call.dwk));
    VLLTR_RETURN_IF_ERROR(kernel.output(3, {d}, &call.dgammaQ));
    VLLTR_RETURN_IF_ERROR(kernel.output(4, {d}, &call.dbetaQ));
    VLLTR_RETURN_IF_ERROR(kernel.output(5, {d}, &call.dgammaK));
    VLLTR_RETURN_IF_ERROR(kernel.output(6, {}, &call.dlogitScale));
    return attend<kPlace>(kernel, call);
  });
}

void forwardShapes(TF_ShapeInferenceContext* context, TF_Status* status) {
  ShapeCall shapes(context, status);
  TF_ShapeHandle* x = shapes.withRank(shapes.input(kX), 2);
  shapes.output(0, shapes.concatenated(shapes.slice(x, 0, 1), shapes.withRank(shapes.input(kCounts), 1)));
  shapes.output(1, shapes.slice(shapes.withRank(shapes.input(kKeptSize), 2), 0, 1));
}

void backwardShapes(TF_ShapeInferenceContext* context, TF_Status* status) {
  ShapeCall shapes(context, status);
  const int likeOutputs[] = {kX, kWq, kWk, kGammaQ, kBetaQ, kGammaK, kLogitScale};
  for (int i = 0; i < 7; ++i) shapes.output(i, shapes.input(likeOutputs[i]));
}

}  // namespace

std::vector<OpDefinition> anchorAttentionOps() {
  std::vector<const char*> inputs = {"table: int32",  "counts: int32",  "x: float",
                                     "wq: float",     "wk: float",      "gamma_q: float",
                                     "beta_q: float", "gamma_k: float", "logit_scale: float"};
  std::vector<const char*> gradientInputs = inputs;
  inputs.push_back("kept_size: float");
  for (const char* input : {"dlogits: float", "kept: float"}) gradientInputs.push_back(input);
  return {
      {"VlltrAnchorAttention",
       {},
       inputs,
       {"logits: float", "kept: float"},
       forwardShapes,
       {{Place::kProcessor, nullptr, forward<Place::kProcessor>, nullptr},
        {Place::kCard, nullptr, forward<Place::kCard>, nullptr, {"table", "counts"}}}},
      {"VlltrAnchorAttentionGrad",
       {"detach_norm: bool = false"},
       gradientInputs,
       {"dx: float", "dwq: float", "dwk: float", "dgamma_q: float", "dbeta_q: float", "dgamma_k: float",
        "dlogit_scale: float"},
       backwardShapes,
       {{Place::kProcessor, create, backward<Place::kProcessor>, destroy},
        {Place::kCard, create, backward<Place::kCard>, destroy, {"table", "counts"}}}},
  };
}

}  // namespace vlltr::tensorflow
