#include "tensorflow/kernel.h"

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace vlltr::tensorflow {
namespace {

int tensorFlowCode(Code code) {
  switch (code) {
    case Code::kOk:
      return kTfOk;
    case Code::kInvalidArgument:
      return kTfInvalidArgument;
    case Code::kUnavailable:
      return kTfUnavailable;
    case Code::kResourceExhausted:
      return kTfResourceExhausted;
    case Code::kInternal:
      break;
  }
  return kTfInternal;
}

/**
 * Asks for huge pages under a new array that malloc mapped anew, as it does from 32 MiB on: else the kernel
 * finds and clears a page for every 4 KiB written, which takes longer than an op that goes through its arrays
 * once.
 */
void adviseHugePages(void* data, size_t bytes) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  constexpr size_t kMapped = 32 << 20;
  constexpr uintptr_t kPage = 4096;
  if (bytes < kMapped) return;
  const uintptr_t first = (reinterpret_cast<uintptr_t>(data) + kPage - 1) / kPage * kPage;
  const uintptr_t last = (reinterpret_cast<uintptr_t>(data) + bytes) / kPage * kPage;
  madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE);  // refused, all works as before
#else
  static_cast<void>(data), static_cast<void>(bytes);
#endif
}

}  // namespace

void TfStatus::set(const Status& status) {
  api().SetStatus(status_, tensorFlowCode(status.code()), status.message().c_str());
}

Status TfStatus::take(const std::string& during) const {
  if (ok()) return Status();
  const bool memory = api().GetCode(status_) == kTfResourceExhausted;
  return Status(memory ? Code::kResourceExhausted : Code::kInternal, during + ": " + api().Message(status_));
}

KernelCall::~KernelCall() {
  for (TF_Tensor* tensor : tensors_) api().DeleteTensor(tensor);
}

Status KernelCall::input(int index, const void** data, Shape* shape) {
  TF_Tensor* tensor = nullptr;
  api().GetInput(context_, index, &tensor, status_);
  if (tensor != nullptr) tensors_.push_back(tensor);
  VLLTR_RETURN_IF_ERROR(status_.take("input " + std::to_string(index)));
  shape->resize(static_cast<size_t>(api().NumDims(tensor)));
  for (size_t i = 0; i < shape->size(); ++i) (*shape)[i] = api().Dim(tensor, static_cast<int>(i));
  *data = api().TensorData(tensor);
  return Status();
}

Status KernelCall::input(int index, const float** data, Shape* shape) {
  const void* values = nullptr;
  VLLTR_RETURN_IF_ERROR(input(index, &values, shape));
  *data = static_cast<const float*>(values);
  return Status();
}

Status KernelCall::input(int index, const int32_t** data, Shape* shape) {
  const void* values = nullptr;
  VLLTR_RETURN_IF_ERROR(input(index, &values, shape));
  *data = static_cast<const int32_t*>(values);
  return Status();
}

Status KernelCall::input(int index, const char* name, const Shape& expected, const float** data) {
  Shape shape;
  VLLTR_RETURN_IF_ERROR(input(index, data, &shape));
  if (shape == expected) return Status();
  return invalidArgument(std::string(name) + " is " + format(shape) + ", expected " + format(expected));
}

Status KernelCall::output(int index, const Shape& shape, float** data) {
  const size_t bytes = static_cast<size_t>(elements(shape)) * sizeof(float);
  TF_Tensor* tensor = api().AllocateOutput(context_, index, kFloat, shape.data(),
                                           static_cast<int>(shape.size()), bytes, status_);
  if (tensor != nullptr) tensors_.push_back(tensor);
  VLLTR_RETURN_IF_ERROR(status_.take("output " + std::to_string(index)));
  *data = static_cast<float*>(api().TensorData(tensor));
  if (place_ == Place::kProcessor) adviseHugePages(*data, bytes);
  return Status();
}

Status KernelCall::temporary(int64_t bytes, void** memory) {
  TF_AllocatorAttributes attributes = {offsetof(TF_AllocatorAttributes, on_host) + 1, 0};
  TF_Tensor* tensor = api().AllocateTemp(context_, kUint8, &bytes, 1, &attributes, status_);
  if (tensor != nullptr) tensors_.push_back(tensor);
  VLLTR_RETURN_IF_ERROR(status_.take(std::to_string(bytes) + " bytes of workspace"));
  *memory = api().TensorData(tensor);
  return Status();
}

void fail(TF_OpKernelContext* context, const Status& status) {
  TfStatus said;
  said.set(status);
  api().OpKernelContext_Failure(context, said);
}

std::string format(const Shape& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  return text + "]";
}

int64_t elements(const Shape& shape) {
  int64_t product = 1;
  for (const int64_t size : shape) product *= size;
  return product;
}

ShapeCall::~ShapeCall() {
  for (TF_ShapeHandle* handle : handles_) api().DeleteShapeHandle(handle);
}

TF_ShapeHandle* ShapeCall::fresh() {
  handles_.push_back(api().NewShapeHandle());
  return handles_.back();
}

TF_ShapeHandle* ShapeCall::input(int index) {
  TF_ShapeHandle* shape = fresh();
  if (ok()) api().ShapeInferenceContextGetInput(context_, index, shape, status_);
  return shape;
}

TF_ShapeHandle* ShapeCall::withRank(TF_ShapeHandle* shape, int64_t rank) {
  TF_ShapeHandle* result = fresh();
  if (ok()) api().ShapeInferenceContextWithRank(context_, shape, rank, result, status_);
  return result;
}

TF_ShapeHandle* ShapeCall::withRankAtLeast(TF_ShapeHandle* shape, int64_t rank) {
  TF_ShapeHandle* result = fresh();
  if (ok()) api().ShapeInferenceContextWithRankAtLeast(context_, shape, rank, result, status_);
  return result;
}

TF_ShapeHandle* ShapeCall::slice(TF_ShapeHandle* shape, int64_t first, int64_t last) {
  TF_ShapeHandle* result = fresh();
  if (ok()) api().ShapeInferenceContextSubshape(context_, shape, first, last, result, status_);
  return result;
}

TF_ShapeHandle* ShapeCall::vector(int64_t size) {
  handles_.push_back(api().ShapeInferenceContextVectorFromSize(context_, static_cast<size_t>(size)));
  return handles_.back();
}

TF_ShapeHandle* ShapeCall::concatenated(TF_ShapeHandle* first, TF_ShapeHandle* second) {
  TF_ShapeHandle* result = fresh();
  if (ok()) api().ShapeInferenceContextConcatenateShapes(context_, first, second, result, status_);
  return result;
}

void ShapeCall::output(int index, TF_ShapeHandle* shape) {
  if (ok()) api().ShapeInferenceContextSetOutput(context_, index, shape, status_);
}

}  // namespace vlltr::tensorflow
