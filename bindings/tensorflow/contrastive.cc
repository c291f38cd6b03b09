#include "vlltr/contrastive.h"

#include "tensorflow/card.h"
#include "tensorflow/register.h"

namespace vlltr::tensorflow {
namespace {

// Inputs of both ops, and those behind them. Without a teacher its features are [B, 0]. `kept_size` is [K,
// 0]: it says to shape inference how many similarities the forward pass keeps for the gradient.
enum { kImage, kText, kLabels, kLogitScale, kTeacherImage, kTeacherText, kTeacherLogitScale, kKeptSize };
enum { kDlosses = kKeptSize, kRows, kColumns, kKept };

struct Settings {
  float smoothing = 0, distillWeight = 0;
  bool reduced = false;
};

void* create(TF_OpKernelConstruction* construction) {
  TfStatus status;
  auto* settings = new Settings;
  unsigned char reduced = 0;
  api().OpKernelConstruction_GetAttrFloat(construction, "smoothing", &settings->smoothing, status);
  if (status.ok()) {
    api().OpKernelConstruction_GetAttrFloat(construction, "distill_weight", &settings->distillWeight, status);
  }
  if (status.ok()) api().OpKernelConstruction_GetAttrBool(construction, "reduced", &reduced, status);
  settings->reduced = reduced != 0;
  if (status.ok()) return settings;
  delete settings;
  api().OpKernelConstruction_Failure(construction, status);
  return nullptr;
}

void destroy(void* settings) { delete static_cast<Settings*>(settings); }

Status readFeatures(KernelCall& kernel, int image, int text, int logitScale, int64_t pairs,
                    ContrastiveFeatures* features) {
  Shape shape;
  VLLTR_RETURN_IF_ERROR(kernel.input(image, &features->image, &shape));
  if (shape.size() != 2 || shape[0] != pairs) {
    return invalidArgument("features are " + format(shape) + ", expected [" + std::to_string(pairs) +
                           ", width], a row a label");
  }
  features->width = shape[1];
  VLLTR_RETURN_IF_ERROR(kernel.input(text, "text", shape, &features->text));
  return kernel.input(logitScale, "logit_scale", {}, &features->logitScale);
}

Status readInputs(KernelCall& kernel, const void* settings, ContrastiveInputs* call) {
  Shape labels;
  VLLTR_RETURN_IF_ERROR(kernel.input(kLabels, &call->rowLabels, &labels));
  if (labels.size() != 1) return invalidArgument("labels are " + format(labels) + ", expected [B]");
  call->columnLabels = call->rowLabels;
  call->rows = call->columns = labels[0];
  VLLTR_RETURN_IF_ERROR(readFeatures(kernel, kImage, kText, kLogitScale, labels[0], &call->student));
  VLLTR_RETURN_IF_ERROR(
      readFeatures(kernel, kTeacherImage, kTeacherText, kTeacherLogitScale, labels[0], &call->teacher));
  const auto& constants = *static_cast<const Settings*>(settings);
  call->smoothing = constants.smoothing, call->distillWeight = constants.distillWeight;
  call->precision = constants.reduced ? Precision::kBfloat16 : Precision::kFloat32;
  return Status();
}

Status checkKept(const ContrastiveInputs& call, int64_t kept) {
  const int64_t all = contrastiveKept(call);
  if (kept == 0 || kept == all) return Status();
  return invalidArgument("there is room for " + std::to_string(kept) + " similarities, expected 0 or " +
                         std::to_string(all));
}

/** [3, lines]; the gradient reads them only. */
ContrastiveStatistics statistics(const float* memory, int64_t lines) {
  auto* const first = const_cast<float*>(memory);
  return {first, first + lines, first + 2 * lines};
}

template <Place kPlace>
void forward(void* settings, TF_OpKernelContext* context) {
  guarded(context, kPlace, [&](KernelCall& kernel) -> Status {
    ContrastiveForward call;
    VLLTR_RETURN_IF_ERROR(readInputs(kernel, settings, &call));
    Shape kept;
    const float* nothing = nullptr;
    VLLTR_RETURN_IF_ERROR(kernel.input(kKeptSize, &nothing, &kept));
    if (kept.size() != 2) return invalidArgument("kept_size is " + format(kept) + ", expected [K, 0]");
    VLLTR_RETURN_IF_ERROR(checkKept(call, kept[0]));

    const int64_t pairs = call.rows;
    ContrastiveLosses losses;
    float *rows = nullptr, *columns = nullptr, targetSum = 0;
    VLLTR_RETURN_IF_ERROR(kernel.output(0, {3}, &losses.losses));
    VLLTR_RETURN_IF_ERROR(kernel.output(1, {3, pairs}, &rows));
    VLLTR_RETURN_IF_ERROR(kernel.output(2, {3, pairs}, &columns));
    VLLTR_RETURN_IF_ERROR(kernel.output(3, {kept[0]}, &call.kept));
    if (kept[0] == 0) call.kept = nullptr;
    losses.rowStatistics = call.rowStatistics = statistics(rows, pairs);
    losses.columnStatistics = call.columnStatistics = statistics(columns, pairs);
    losses.targetSum = call.targetSum = &targetSum;
    losses.columns = pairs, losses.distillWeight = call.distillWeight;
    losses.teacher = call.teacher.width > 0;
    if (kPlace == Place::kCard) {
      return runOnCard(kernel, call, [&](Device& device, const LentMemory& lent) {
        return resident::contrastive(device, call, losses.losses, lent);
      });
    }
    VLLTR_RETURN_IF_ERROR(contrastive(call));
    return contrastive(losses);
  });
}

template <Place kPlace>
void backward(void* settings, TF_OpKernelContext* context) {
  guarded(context, kPlace, [&](KernelCall& kernel) -> Status {
    ContrastiveBackward call;
    VLLTR_RETURN_IF_ERROR(readInputs(kernel, settings, &call));
    const int64_t pairs = call.rows, width = call.student.width;
    const float *rows = nullptr, *columns = nullptr;
    Shape kept;
    VLLTR_RETURN_IF_ERROR(kernel.input(kDlosses, "dlosses", {3}, &call.dloss));
    VLLTR_RETURN_IF_ERROR(kernel.input(kRows, "rows", {3, pairs}, &rows));
    VLLTR_RETURN_IF_ERROR(kernel.input(kColumns, "columns", {3, pairs}, &columns));
    VLLTR_RETURN_IF_ERROR(kernel.input(kKept, &call.kept, &kept));
    VLLTR_RETURN_IF_ERROR(checkKept(call, elements(kept)));
    if (elements(kept) == 0) call.kept = nullptr;
    call.rowStatistics = statistics(rows, pairs);
    call.columnStatistics = statistics(columns, pairs);
    VLLTR_RETURN_IF_ERROR(kernel.output(0, {pairs, width}, &call.dimage));
    VLLTR_RETURN_IF_ERROR(kernel.output(1, {pairs, width}, &call.dtext));
    VLLTR_RETURN_IF_ERROR(kernel.output(2, {}, &call.dlogitScale));
    if (kPlace == Place::kProcessor) return contrastive(call);
    return runOnCard(kernel, call, [&](Device& device, const LentMemory& lent) {
      return resident::contrastive(device, call, lent);
    });
  });
}

void forwardShapes(TF_ShapeInferenceContext* context, TF_Status* status) {
  ShapeCall shapes(context, status);
  TF_ShapeHandle* three = shapes.vector(3);
  TF_ShapeHandle* lines = shapes.concatenated(three, shapes.withRank(shapes.input(kLabels), 1));
  shapes.output(0, three);
  shapes.output(1, lines);
  shapes.output(2, lines);
  shapes.output(3, shapes.slice(shapes.withRank(shapes.input(kKeptSize), 2), 0, 1));
}

void backwardShapes(TF_ShapeInferenceContext* context, TF_Status* status) {
  ShapeCall shapes(context, status);
  shapes.output(0, shapes.withRank(shapes.input(kImage), 2));
  shapes.output(1, shapes.withRank(shapes.input(kText), 2));
  shapes.output(2, shapes.withRank(shapes.input(kLogitScale), 0));
}

}  // namespace

std::vector<OpDefinition> contrastiveOps() {
  const std::vector<const char*> attributes = {"smoothing: float", "distill_weight: float",
                                               "reduced: bool = false"};
  std::vector<const char*> inputs = {"image: float",
                                     "text: float",
                                     "labels: int32",
                                     "logit_scale: float",
                                     "teacher_image: float",
                                     "teacher_text: float",
                                     "teacher_logit_scale: float"};
  std::vector<const char*> gradientInputs = inputs;
  inputs.push_back("kept_size: float");
  for (const char* input : {"dlosses: float", "rows: float", "columns: float", "kept: float"}) {
    gradientInputs.push_back(input);
  }
  return {
      {"VlltrContrastive",
       attributes,
       inputs,
       {"losses: float", "rows: float", "columns: float", "kept: float"},
       forwardShapes,
       {{Place::kProcessor, create, forward<Place::kProcessor>, destroy},
        {Place::kCard, create, forward<Place::kCard>, destroy, {"labels"}}}},
      {"VlltrContrastiveGrad",
       attributes,
       gradientInputs,
       {"dimage: float", "dtext: float", "dlogit_scale: float"},
       backwardShapes,
       {{Place::kProcessor, create, backward<Place::kProcessor>, destroy},
        {Place::kCard, create, backward<Place::kCard>, destroy, {"labels"}}}},
  };
}

}  // namespace vlltr::tensorflow
