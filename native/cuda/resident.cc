#include "vlltr/resident.h"

#include "cuda/adamw.h"
#include "cuda/anchor_attention.h"
#include "cuda/contrastive.h"
#include "cuda/enqueue.h"
#include "cuda/guarded.h"
#include "ops/adamw_call.h"
#include "ops/anchor_attention_checks.h"
#include "ops/contrastive_checks.h"
#include "ops/contrastive_classes.h"

namespace vlltr::resident {
namespace {

using cuda::Arena;
using cuda::guarded;

constexpr const char *kContrastive = "contrastive", *kAttention = "anchorAttention";

/** Whether rows and columns have their labels from one array. */
bool whole(const ContrastiveInputs& call) {
  return call.rowLabels == call.columnLabels && call.rows == call.columns;
}

/** What the contrastive op is lent memory for: labels, targets, and what its kernels hold. */
struct ContrastiveMemory {
  int32_t *columnLabels, *rowLabels;
  float* targetSum;
  char* work;

  ContrastiveMemory(Arena& arena, const ContrastiveInputs& call, int64_t workBytes)
      : columnLabels(arena.take<int32_t>(call.columns)),
        rowLabels(whole(call) ? columnLabels : arena.take<int32_t>(call.rows)),
        targetSum(arena.take<float>(1)),
        work(arena.take<char>(workBytes)) {}
};

template <class Call>
Status prepareContrastive(const Device& device, const Call& call, int64_t* bytes) {
  return guarded(kContrastive, [&]() -> Status {
    VLLTR_RETURN_IF_ERROR(checkContrastive(call));
    // In a whole batch each image has its own text; only a strip's labels can be wrong.
    if (!whole(call)) VLLTR_RETURN_IF_ERROR(checkContrastiveClasses(call));
    Arena count;
    ContrastiveMemory(count, call, cuda::contrastiveWorkspace(device, call));
    *bytes = count.bytes();
    return Status();
  });
}

/** Calls `use(call, targetSum, work)` with the labels on the device and what is left of the memory. */
template <class Call, class Use>
Status withLabels(Device& device, const Call& given, const LentMemory& lent, Use use) {
  return guarded(kContrastive, [&]() -> Status {
    const int64_t workBytes = cuda::contrastiveWorkspace(device, given);
    Arena arena(lent.memory);
    const ContrastiveMemory memory(arena, given, workBytes);
    VLLTR_RETURN_IF_ERROR(cuda::checkLent(lent, arena.bytes()));
    VLLTR_RETURN_IF_ERROR(device.upload(memory.columnLabels, given.columnLabels, given.columns * 4));
    if (!whole(given)) {
      VLLTR_RETURN_IF_ERROR(device.upload(memory.rowLabels, given.rowLabels, given.rows * 4));
    }
    Call call = given;
    call.rowLabels = memory.rowLabels, call.columnLabels = memory.columnLabels;
    return use(call, memory.targetSum, LentMemory{memory.work, workBytes});
  });
}

Status prepareAttention(const Device& device, const auto& call, bool gradient, int64_t* bytes) {
  return guarded(kAttention, [&]() -> Status {
    VLLTR_RETURN_IF_ERROR(cuda::checkAnchorAttention(device, call));
    VLLTR_RETURN_IF_ERROR(checkAnchorAttentionArrays(call));
    *bytes = cuda::anchorAttentionWorkspace(device, *call.table, call.batch, gradient);
    return Status();
  });
}

template <class Call>
Status attend(Device& device, const Call& call, const LentMemory& lent) {
  return guarded(kAttention, [&] { return cuda::anchorAttention(device, call, lent); });
}

}  // namespace

Status prepare(const Device&, const Adamw& call, int64_t* bytes) {
  return guarded("adamw", [&]() -> Status {
    VLLTR_RETURN_IF_ERROR(checkAdamwCall(call));
    *bytes = cuda::adamwWorkspace(call);
    return Status();
  });
}

Status prepare(const Device& device, const ContrastiveForward& call, int64_t* bytes) {
  return prepareContrastive(device, call, bytes);
}

Status prepare(const Device& device, const ContrastiveBackward& call, int64_t* bytes) {
  return prepareContrastive(device, call, bytes);
}

Status prepare(const Device& device, const AnchorAttentionForward& call, int64_t* bytes) {
  return prepareAttention(device, call, false, bytes);
}

Status prepare(const Device& device, const AnchorAttentionBackward& call, int64_t* bytes) {
  return prepareAttention(device, call, true, bytes);
}

Status adamw(Device& device, const Adamw& call, const LentMemory& lent) {
  return cuda::adamw(device, call, lent);
}

Status contrastive(Device& device, const ContrastiveForward& given, float* losses, const LentMemory& lent) {
  return withLabels(device, given, lent,
                    [&](ContrastiveForward& call, float* targetSum, const LentMemory& work) {
                      call.targetSum = targetSum;
                      VLLTR_RETURN_IF_ERROR(cuda::contrastive(device, call, work));
                      ContrastiveLosses sums;
                      sums.columns = call.columns;
                      sums.rowStatistics = call.rowStatistics, sums.columnStatistics = call.columnStatistics;
                      sums.targetSum = targetSum;
                      sums.distillWeight = call.distillWeight, sums.teacher = call.teacher.width > 0;
                      sums.losses = losses;
                      return cuda::contrastive(device, sums);
                    });
}

Status contrastive(Device& device, const ContrastiveBackward& given, const LentMemory& lent) {
  return withLabels(device, given, lent,
                    [&](const ContrastiveBackward& call, float*, const LentMemory& work) {
                      return cuda::contrastive(device, call, work);
                    });
}

Status anchorAttention(Device& device, const AnchorAttentionForward& call, const LentMemory& lent) {
  return attend(device, call, lent);
}

Status anchorAttention(Device& device, const AnchorAttentionBackward& call, const LentMemory& lent) {
  return attend(device, call, lent);
}

}  // namespace vlltr::resident
