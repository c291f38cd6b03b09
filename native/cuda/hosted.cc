#include "vlltr/hosted.h"

#include "cuda/adamw.h"
#include "cuda/anchor_attention.h"
#include "cuda/contrastive.h"
#include "cuda/guarded.h"
#include "cuda/staging.h"
#include "ops/adamw_call.h"
#include "ops/contrastive_checks.h"
#include "ops/contrastive_classes.h"

namespace vlltr::hosted {
namespace {

using cuda::guarded;

constexpr const char *kContrastive = "contrastive", *kAttention = "anchorAttention";

void stageFeatures(cuda::Staging& staging, const ContrastiveInputs& of, ContrastiveFeatures& features) {
  if (features.width == 0) return;
  staging.in("image", &features.image, of.rows * features.width);
  staging.in("text", &features.text, of.columns * features.width);
  staging.in("logitScale", &features.logitScale, 1);
}

void stageInputs(cuda::Staging& staging, ContrastiveInputs& call) {
  stageFeatures(staging, call, call.student);
  stageFeatures(staging, call, call.teacher);
  staging.in("rowLabels", &call.rowLabels, call.rows);
  staging.in("columnLabels", &call.columnLabels, call.columns);
}

void stageStatistics(ContrastiveStatistics& lines, const auto& stage) {
  for (float** each : {&lines.lse, &lines.teacherLse, &lines.teacherMean}) stage(each);
}

void stageInputs(cuda::Staging& staging, AnchorAttentionInputs& call) {
  if (call.table == nullptr) return;  // which is refused on the way
  const int64_t d = call.table->width();
  staging.in("x", &call.x, call.batch * d);
  staging.in("wq", &call.wq, d * d);
  staging.in("wk", &call.wk, d * d);
  staging.in("gammaQ", &call.gammaQ, d);
  staging.in("betaQ", &call.betaQ, d);
  staging.in("gammaK", &call.gammaK, d);
  staging.in("logitScale", &call.logitScale, 1);
}

int64_t pairsOf(const AnchorAttentionInputs& call) {
  return call.table == nullptr ? 0 : call.batch * call.table->classes();
}

/** The end of all calls: there, the op, and back. */
template <class Call, class Op>
Status run(Device& device, cuda::Staging& staging, const Call& call, Op op) {
  VLLTR_RETURN_IF_ERROR(staging.begin());
  VLLTR_RETURN_IF_ERROR(op(device, call));
  return staging.end();
}

template <class Call>
Status attend(Device& device, cuda::Staging& staging, const Call& call) {
  return run(device, staging, call,
             [](Device& on, const Call& with) { return cuda::anchorAttention(on, with); });
}

}  // namespace

Status adamw(Device& device, const Adamw& given) {
  return guarded("adamw", [&] {
    VLLTR_RETURN_IF_ERROR(checkAdamwCall(given));
    Adamw call = given;
    cuda::Staging staging(device, "adamw");
    for (AdamwParameter& p : call.parameters) staging.in("a gradient", &p.grad, p.length);
    for (const float** input : {&call.params, &call.m, &call.v}) staging.in("the state", input, call.size);
    for (float** output : {&call.newParams, &call.newM, &call.newV}) {
      staging.out("the new state", output, call.size);
    }
    staging.out("gradNorm", &call.gradNorm, 1);
    return run(device, staging, call, [](Device& on, const Adamw& with) { return cuda::adamw(on, with); });
  });
}

Status contrastive(Device& device, const ContrastiveForward& given) {
  return guarded(kContrastive, [&] {
    VLLTR_RETURN_IF_ERROR(checkContrastive(given));
    VLLTR_RETURN_IF_ERROR(checkContrastiveClasses(given));
    ContrastiveForward call = given;
    call.kept = nullptr;
    cuda::Staging staging(device, kContrastive);
    stageInputs(staging, call);
    stageStatistics(call.rowStatistics, [&](float** each) { staging.out("rows", each, call.rows); });
    stageStatistics(call.columnStatistics, [&](float** each) { staging.out("columns", each, call.columns); });
    staging.out("targetSum", &call.targetSum, 1);
    return run(device, staging, call,
               [](Device& on, const ContrastiveForward& with) { return cuda::contrastive(on, with); });
  });
}

Status contrastive(Device& device, const ContrastiveBackward& given) {
  return guarded(kContrastive, [&] {
    VLLTR_RETURN_IF_ERROR(checkContrastive(given));
    VLLTR_RETURN_IF_ERROR(checkContrastiveClasses(given));
    ContrastiveBackward call = given;
    call.kept = nullptr;
    cuda::Staging staging(device, kContrastive);
    stageInputs(staging, call);
    const auto input = [&](const char* name, int64_t lines) {
      return
          [&staging, name, lines](float** each) { staging.in(name, const_cast<const float**>(each), lines); };
    };
    stageStatistics(call.rowStatistics, input("rows", call.rows));
    stageStatistics(call.columnStatistics, input("columns", call.columns));
    staging.in("dloss", &call.dloss, 1);
    staging.out("dimage", &call.dimage, call.rows * call.student.width);
    staging.out("dtext", &call.dtext, call.columns * call.student.width);
    staging.out("dlogitScale", &call.dlogitScale, 1);
    return run(device, staging, call,
               [](Device& on, const ContrastiveBackward& with) { return cuda::contrastive(on, with); });
  });
}

Status anchorAttention(Device& device, const AnchorAttentionForward& given) {
  return guarded(kAttention, [&] {
    AnchorAttentionForward call = given;
    call.kept = nullptr;
    cuda::Staging staging(device, kAttention);
    stageInputs(staging, call);
    staging.out("logits", &call.logits, pairsOf(call));
    return attend(device, staging, call);
  });
}

Status anchorAttention(Device& device, const AnchorAttentionBackward& given) {
  return guarded(kAttention, [&] {
    AnchorAttentionBackward call = given;
    call.kept = nullptr;
    cuda::Staging staging(device, kAttention);
    stageInputs(staging, call);
    const int64_t d = call.table == nullptr ? 0 : call.table->width();
    staging.in("dlogits", &call.dlogits, pairsOf(call));
    staging.out("dx", &call.dx, call.batch * d);
    staging.out("dwq", &call.dwq, d * d);
    staging.out("dwk", &call.dwk, d * d);
    staging.out("dgammaQ", &call.dgammaQ, d);
    staging.out("dbetaQ", &call.dbetaQ, d);
    staging.out("dgammaK", &call.dgammaK, d);
    staging.out("dlogitScale", &call.dlogitScale, 1);
    return attend(device, staging, call);
  });
}

Status anchorAttention(Device& device, const AnchorAttentionWeights& given) {
  return guarded(kAttention, [&] {
    AnchorAttentionWeights call = given;
    cuda::Staging staging(device, kAttention);
    stageInputs(staging, call);
    const int64_t pairs = pairsOf(call), all = call.table == nullptr ? 0 : pairs * call.table->perClass();
    staging.out("logits", &call.logits, pairs);
    staging.out("weights", &call.weights, all);
    staging.out("contributions", &call.contributions, all);
    return attend(device, staging, call);
  });
}

}  // namespace vlltr::hosted
