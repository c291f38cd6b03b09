#include "tensorflow/register.h"

#include <mutex>

#include "tensorflow/kernel.h"

namespace vlltr::tensorflow {
namespace {

/** Whether the op has a kernel: a second registration would return OK and the next op end the process. */
Status hasKernels(const char* op, bool* has) {
  TfStatus status;
  TF_Buffer* kernels = api().GetRegisteredKernelsForOp(op, status);
  *has = kernels != nullptr && kernels->length > 0;
  if (kernels != nullptr) api().DeleteBuffer(kernels);
  return status.take(std::string("kernels of ") + op);
}

Status registerOp(const OpDefinition& op) {
  bool has = false;
  VLLTR_RETURN_IF_ERROR(hasKernels(op.name, &has));
  if (has) return Status();
  TfStatus status;
  TF_OpDefinitionBuilder* definition = api().NewOpDefinitionBuilder(op.name);
  for (const char* attribute : op.attributes) api().OpDefinitionBuilderAddAttr(definition, attribute);
  for (const char* input : op.inputs) api().OpDefinitionBuilderAddInput(definition, input);
  for (const char* output : op.outputs) api().OpDefinitionBuilderAddOutput(definition, output);
  api().OpDefinitionBuilderSetShapeInferenceFunction(definition, op.inferShapes);
  api().RegisterOpDefinition(definition, status);
  VLLTR_RETURN_IF_ERROR(status.take(std::string("op ") + op.name));
  for (const KernelDefinition& kernel : op.kernels) {
    TF_KernelBuilder* builder =
        api().NewKernelBuilder(op.name, kernel.device, kernel.create, kernel.compute, kernel.destroy);
    api().RegisterKernelBuilder(op.name, builder, status);
    VLLTR_RETURN_IF_ERROR(status.take(std::string(kernel.device) + " kernel of " + op.name));
  }
  return Status();
}

Status registerAll(Registration* registration) {
  VLLTR_RETURN_IF_ERROR(findApi());
  registration->version = api().Version();
  for (const auto& opsOf : {adamwOps, anchorAttentionOps, contrastiveOps, layerNormOps}) {
    for (const OpDefinition& op : opsOf()) {
      VLLTR_RETURN_IF_ERROR(registerOp(op));
      registration->ops.push_back(op.name);
    }
  }
  return Status();
}

}  // namespace

Status registerOps(Registration* registration) {
  // Not std::call_once: a process that has no TensorFlow yet may ask again once it has.
  static std::mutex mutex;
  static bool done = false;
  static Registration made;
  const std::lock_guard lock(mutex);
  if (!done) {
    Registration fresh;
    VLLTR_RETURN_IF_ERROR(registerAll(&fresh));
    made = fresh;
    done = true;
  }
  *registration = made;
  return Status();
}

}  // namespace vlltr::tensorflow
