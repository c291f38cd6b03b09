#include "tensorflow/kernel.h"

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

}  // namespace

void TfStatus::set(const Status& status) {
  api().SetStatus(status_, tensorFlowCode(status.code()), status.message().c_str());
}

Status TfStatus::take(const std::string& during) const {
  if (ok()) return Status();
  return Status(Code::kInternal, during + ": " + api().Message(status_));
}

KernelCall::~KernelCall() {
  for (TF_Tensor* tensor : tensors_) api().DeleteTensor(tensor);
}

Status KernelCall::input(int index, const float** data, Shape* shape) {
  TF_Tensor* tensor = nullptr;
  api().GetInput(context_, index, &tensor, status_);
  if (tensor != nullptr) tensors_.push_back(tensor);
  VLLTR_RETURN_IF_ERROR(status_.take("input " + std::to_string(index)));
  shape->resize(static_cast<size_t>(api().NumDims(tensor)));
  for (size_t i = 0; i < shape->size(); ++i) (*shape)[i] = api().Dim(tensor, static_cast<int>(i));
  *data = static_cast<const float*>(api().TensorData(tensor));
  return Status();
}

Status KernelCall::input(int index, const char* name, const Shape& expected, const float** data) {
  Shape shape;
  VLLTR_RETURN_IF_ERROR(input(index, data, &shape));
  if (shape == expected) return Status();
  return invalidArgument(std::string(name) + " is " + format(shape) + ", expected " + format(expected));
}

Status KernelCall::output(int index, const Shape& shape, float** data) {
  TF_Tensor* tensor =
      api().AllocateOutput(context_, index, kFloat, shape.data(), static_cast<int>(shape.size()),
                           static_cast<size_t>(elements(shape)) * sizeof(float), status_);
  if (tensor != nullptr) tensors_.push_back(tensor);
  VLLTR_RETURN_IF_ERROR(status_.take("output " + std::to_string(index)));
  *data = static_cast<float*>(api().TensorData(tensor));
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

void ShapeCall::output(int index, TF_ShapeHandle* shape) {
  if (ok()) api().ShapeInferenceContextSetOutput(context_, index, shape, status_);
}

}  // namespace vlltr::tensorflow
