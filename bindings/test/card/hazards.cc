#include "card/hazards.h"

#include <cuda_runtime.h>

#include "check.h"
#include "tensorflow/kernel.h"

namespace vlltr::tensorflow {
namespace {

cudaStream_t stream = nullptr;
bool on = true, refusing = false;
Api own;  // TensorFlow's, before allocations were taken over

void laterWrite(TF_Tensor* tensor, const void* values, size_t bytes) {
  void* const to = api().TensorData(tensor);
  if (bytes == 0) return;
  if (!on) {
    std::memcpy(to, values, bytes);
    return;
  }
  std::memset(to, 0xFF, bytes);
  // From memory that is not locked the values are taken now and written later.
  CHECK(cudaMemcpyAsync(to, values, bytes, cudaMemcpyHostToDevice, stream) == cudaSuccess);
}

void computeLater(void*, TF_OpKernelContext* context) {
  guarded(context, Place::kCard, [&](KernelCall& kernel) -> Status {
    const float* x = nullptr;
    Shape shape;
    VLLTR_RETURN_IF_ERROR(kernel.input(0, &x, &shape));
    TfStatus status;
    const auto bytes = static_cast<size_t>(elements(shape)) * sizeof(float);
    TF_Tensor* y =
        own.AllocateOutput(context, 0, kFloat, shape.data(), static_cast<int>(shape.size()), bytes, status);
    VLLTR_RETURN_IF_ERROR(status.take("an output"));
    laterWrite(y, x, bytes);
    api().DeleteTensor(y);
    return Status();
  });
}

void sameShape(TF_ShapeInferenceContext* context, TF_Status* status) {
  ShapeCall shapes(context, status);
  shapes.output(0, shapes.input(0));
}

void registerLater() {
  TfStatus status;
  TF_OpDefinitionBuilder* definition = api().NewOpDefinitionBuilder(kLaterOp);
  api().OpDefinitionBuilderAddInput(definition, "x: float");
  api().OpDefinitionBuilderAddOutput(definition, "y: float");
  api().OpDefinitionBuilderSetShapeInferenceFunction(definition, sameShape);
  api().RegisterOpDefinition(definition, status);
  CHECK_OK(status.take(kLaterOp));
  TF_KernelBuilder* kernel = api().NewKernelBuilder(kLaterOp, "CPU", nullptr, computeLater, nullptr);
  api().RegisterKernelBuilder(kLaterOp, kernel, status);
  CHECK_OK(status.take(kLaterOp));
}

/** The memory's last user has enqueued a write that is still to come. */
TF_Tensor* recycled(TF_Tensor* tensor, size_t bytes) {
  if (tensor == nullptr || bytes == 0 || !on) return tensor;
  CHECK(cudaMemsetAsync(api().TensorData(tensor), 0xFF, bytes, stream) == cudaSuccess);
  return tensor;
}

TF_Tensor* allocateOutput(TF_OpKernelContext* context, int index, int dtype, const int64_t* dims, int rank,
                          size_t bytes, TF_Status* status) {
  return recycled(own.AllocateOutput(context, index, dtype, dims, rank, bytes, status), bytes);
}

TF_Tensor* allocateTemp(TF_OpKernelContext* context, int dtype, const int64_t* dims, int rank,
                        TF_AllocatorAttributes* attributes, TF_Status* status) {
  if (refusing) {
    refusing = false;
    api().SetStatus(status, kTfResourceExhausted, "the card has no memory left");
    return nullptr;
  }
  CHECK(dtype == kUint8 && rank == 1);
  return recycled(own.AllocateTemp(context, dtype, dims, rank, attributes, status),
                  static_cast<size_t>(dims[0]));
}

}  // namespace

void makeHazards() {
  CHECK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking) == cudaSuccess);
  own = api();
  registerLater();
  Api& taken = const_cast<Api&>(api());
  taken.AllocateOutput = allocateOutput;
  taken.AllocateTemp = allocateTemp;
}

WithoutHazards::WithoutHazards() { on = false; }
WithoutHazards::~WithoutHazards() { on = true; }
void refuseWorkspace() { refusing = true; }

}  // namespace vlltr::tensorflow
