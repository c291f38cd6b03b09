#include "vlltr/adamw.h"

#include "tensorflow/card.h"
#include "tensorflow/register.h"

namespace vlltr::tensorflow {
namespace {

/** Constants of a training. Attributes are float32: 1 - beta keeps the digits that a beta near 1 would lose.
 */
struct Settings {
  double beta1, beta2, epsilon, clipNorm;
};

void* create(TF_OpKernelConstruction* construction) {
  TfStatus status;
  const auto attribute = [&](const char* name) {
    float value = 0;
    if (status.ok()) api().OpKernelConstruction_GetAttrFloat(construction, name, &value, status);
    return static_cast<double>(value);
  };
  auto* settings = new Settings;
  settings->beta1 = 1 - attribute("one_minus_beta1");
  settings->beta2 = 1 - attribute("one_minus_beta2");
  settings->epsilon = attribute("epsilon");
  settings->clipNorm = attribute("clip_norm");
  if (status.ok()) return settings;
  delete settings;
  api().OpKernelConstruction_Failure(construction, status);
  return nullptr;
}

void destroy(void* settings) { delete static_cast<Settings*>(settings); }

// Inputs before the list of gradients, and columns of `rules`.
enum { kParams, kM, kV, kLearningRate, kStep, kRules, kGrads };
enum { kWeightDecay, kRate, kUpperBound, kColumns };

Status readParameters(KernelCall& kernel, std::vector<AdamwParameter>* parameters) {
  const int count = kernel.inputs() - kGrads;
  const float* rules = nullptr;
  VLLTR_RETURN_IF_ERROR(kernel.input(kRules, "rules", {count, kColumns}, &rules));
  for (int i = 0; i < count; ++i, rules += kColumns) {
    AdamwParameter one;
    Shape shape;
    VLLTR_RETURN_IF_ERROR(kernel.input(kGrads + i, &one.grad, &shape));
    one.length = elements(shape);
    one.weightDecay = rules[kWeightDecay], one.rate = rules[kRate], one.upperBound = rules[kUpperBound];
    parameters->push_back(one);
  }
  return Status();
}

template <Place kPlace>
void compute(void* of, TF_OpKernelContext* context) {
  guarded(context, kPlace, [&](KernelCall& kernel) -> Status {
    const Settings& settings = *static_cast<Settings*>(of);
    Adamw call;
    call.beta1 = settings.beta1, call.beta2 = settings.beta2;
    call.epsilon = settings.epsilon, call.clipNorm = settings.clipNorm;
    Shape shape;
    VLLTR_RETURN_IF_ERROR(kernel.input(kParams, &call.params, &shape));
    VLLTR_RETURN_IF_ERROR(kernel.input(kM, "m", shape, &call.m));
    VLLTR_RETURN_IF_ERROR(kernel.input(kV, "v", shape, &call.v));
    const float *learningRate = nullptr, *step = nullptr;
    VLLTR_RETURN_IF_ERROR(kernel.input(kLearningRate, "learning_rate", {}, &learningRate));
    VLLTR_RETURN_IF_ERROR(kernel.input(kStep, "step", {}, &step));
    call.learningRate = *learningRate, call.step = *step;
    call.size = elements(shape);
    VLLTR_RETURN_IF_ERROR(readParameters(kernel, &call.parameters));
    VLLTR_RETURN_IF_ERROR(kernel.output(0, shape, &call.newParams));
    VLLTR_RETURN_IF_ERROR(kernel.output(1, shape, &call.newM));
    VLLTR_RETURN_IF_ERROR(kernel.output(2, shape, &call.newV));
    VLLTR_RETURN_IF_ERROR(kernel.output(3, {}, &call.gradNorm));
    if (kPlace == Place::kProcessor) return adamw(call);
    return runOnCard(kernel, call, [&](Device& device, const LentMemory& lent) {
      return resident::adamw(device, call, lent);
    });
  });
}

void inferShapes(TF_ShapeInferenceContext* context, TF_Status* status) {
  ShapeCall shapes(context, status);
  TF_ShapeHandle* params = shapes.withRank(shapes.input(kParams), 1);
  for (const int output : {0, 1, 2}) shapes.output(output, params);
  shapes.output(3, shapes.withRank(shapes.input(kStep), 0));
}

}  // namespace

std::vector<OpDefinition> adamwOps() {
  return {
      {"VlltrAdamw",
       {"count: int >= 0", "one_minus_beta1: float = 0.1", "one_minus_beta2: float = 0.001",
        "epsilon: float = 0.00000001", "clip_norm: float"},
       {"params: float", "m: float", "v: float", "learning_rate: float", "step: float", "rules: float",
        "grads: count * float"},
       {"new_params: float", "new_m: float", "new_v: float", "grad_norm: float"},
       inferShapes,
       {{Place::kProcessor, create, compute<Place::kProcessor>, destroy},
        {Place::kCard, create, compute<Place::kCard>, destroy, {"learning_rate", "step", "rules"}}}},
  };
}

}  // namespace vlltr::tensorflow
