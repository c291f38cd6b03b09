#include "tensorflow/register.h"

#include <algorithm>
#include <mutex>

#include "tensorflow/protobuf.h"

// TensorFlow's name of a card. A test has but the processor for one.
#if !defined(VLLTR_CARD_DEVICE)
#define VLLTR_CARD_DEVICE "GPU"
#endif

namespace vlltr::tensorflow {
namespace {

#if defined(VLLTR_CUDA)
constexpr bool kHasCuda = true;
#else
constexpr bool kHasCuda = false;
#endif

const char* deviceOf(Place place) { return place == Place::kCard ? VLLTR_CARD_DEVICE : "CPU"; }

// Field numbers of KernelList and KernelDef.
enum { kKernel = 1 };
enum { kDeviceType = 2 };

/** The devices that an op has kernels for. */
Status readDevices(const char* op, std::vector<std::string>* devices) {
  TfStatus status;
  TF_Buffer* buffer = api().GetRegisteredKernelsForOp(op, status);
  if (buffer != nullptr) {
    Fields kernels(buffer->data, buffer->length);
    while (kernels.next()) {
      if (kernels.number != kKernel) continue;
      Fields kernel(kernels.data, kernels.size);
      while (kernel.next()) {
        if (kernel.number == kDeviceType) devices->push_back(kernel.text());
      }
    }
    api().DeleteBuffer(buffer);
  }
  std::sort(devices->begin(), devices->end());
  return status.take(std::string("kernels of ") + op);
}

Status registerKernel(const char* op, const KernelDefinition& kernel) {
  const char* const device = deviceOf(kernel.place);
  TfStatus status;
  TF_KernelBuilder* builder =
      api().NewKernelBuilder(op, device, kernel.create, kernel.compute, kernel.destroy);
  for (const char* argument : kernel.onHost) api().KernelBuilder_HostMemory(builder, argument);
  api().RegisterKernelBuilder(op, builder, status);
  return status.take(std::string(device) + " kernel of " + op);
}

/** A device has one kernel of an op: that of the card, where a test has both on one device. */
std::map<std::string, const KernelDefinition*> kernelsByDevice(const OpDefinition& op) {
  std::map<std::string, const KernelDefinition*> kernels;
  for (const KernelDefinition& kernel : op.kernels) {
    if (kernel.place == Place::kCard && !(kHasCuda && api().hasCardSymbols())) continue;
    const KernelDefinition*& at = kernels[deviceOf(kernel.place)];
    if (at == nullptr || kernel.place == Place::kCard) at = &kernel;
  }
  return kernels;
}

Status registerOp(const OpDefinition& op, std::vector<std::string>* devices) {
  // A second registration would return OK, and the next op end the process.
  VLLTR_RETURN_IF_ERROR(readDevices(op.name, devices));
  if (!devices->empty()) return Status();
  TfStatus status;
  TF_OpDefinitionBuilder* definition = api().NewOpDefinitionBuilder(op.name);
  for (const char* attribute : op.attributes) api().OpDefinitionBuilderAddAttr(definition, attribute);
  for (const char* input : op.inputs) api().OpDefinitionBuilderAddInput(definition, input);
  for (const char* output : op.outputs) api().OpDefinitionBuilderAddOutput(definition, output);
  api().OpDefinitionBuilderSetShapeInferenceFunction(definition, op.inferShapes);
  api().RegisterOpDefinition(definition, status);
  VLLTR_RETURN_IF_ERROR(status.take(std::string("op ") + op.name));
  for (const auto& [device, kernel] : kernelsByDevice(op)) {
    VLLTR_RETURN_IF_ERROR(registerKernel(op.name, *kernel));
  }
  return readDevices(op.name, devices);
}

Status registerAll(Registration* registration) {
  VLLTR_RETURN_IF_ERROR(findApi());
  registration->version = api().Version();
  for (const auto& opsOf : {adamwOps, anchorAttentionOps, contrastiveOps, layerNormOps}) {
    for (const OpDefinition& op : opsOf()) {
      VLLTR_RETURN_IF_ERROR(registerOp(op, &registration->kernels[op.name]));
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
