#pragma once

#include <cstdint>
#include <exception>
#include <string>
#include <vector>

#include "tensorflow/api.h"
#include "vlltr/status.h"

namespace vlltr::tensorflow {

using Shape = std::vector<int64_t>;

/** Owns a TF_Status. */
class TfStatus {
 public:
  TfStatus() : status_(api().NewStatus()) {}
  ~TfStatus() { api().DeleteStatus(status_); }
  TfStatus(const TfStatus&) = delete;
  TfStatus& operator=(const TfStatus&) = delete;

  operator TF_Status*() const { return status_; }
  bool ok() const { return api().GetCode(status_) == kTfOk; }
  void set(const Status& status);
  /** What TensorFlow said, as a Status. */
  Status take(const std::string& during) const;

 private:
  TF_Status* status_;
};

/** Where a kernel computes: the processor, or a card by CUDA. */
enum class Place { kProcessor, kCard };

/** One execution of a kernel: its inputs and outputs by index. Tensors live until the call is over. */
class KernelCall {
 public:
  KernelCall(TF_OpKernelContext* context, Place place) : context_(context), place_(place) {}
  ~KernelCall();
  KernelCall(const KernelCall&) = delete;
  KernelCall& operator=(const KernelCall&) = delete;

  Place place() const { return place_; }
  /** The number of the card that TensorFlow computes on, which is CUDA's. */
  int card() const { return api().GetDeviceId(context_); }
  /** How many inputs the op was given; those of lists are counted one by one. */
  int inputs() const { return api().NumInputs(context_); }
  /** Input `index` (float32 or int32, as the op's definition has it): its values, which are the place's
   * unless the kernel is registered with that argument in the host's memory, and its shape. */
  Status input(int index, const float** data, Shape* shape);
  Status input(int index, const int32_t** data, Shape* shape);
  /** Input `index`, which must have this shape. */
  Status input(int index, const char* name, const Shape& expected, const float** data);
  /** Allocates output `index` (float32). */
  Status output(int index, const Shape& shape, float** data);
  /** Memory of the place's for the time of this call. */
  Status temporary(int64_t bytes, void** memory);

 private:
  Status input(int index, const void** data, Shape* shape);

  TF_OpKernelContext* context_;
  Place place_;
  TfStatus status_;
  std::vector<TF_Tensor*> tensors_;
};

/** Fails the op with `status`; the caller of the op sees its message. */
void fail(TF_OpKernelContext* context, const Status& status);

/** "[2, 3]". */
std::string format(const Shape& shape);

/** The product of the sizes. */
int64_t elements(const Shape& shape);

/** Runs a kernel body: its error, or any exception, becomes the op's error. */
template <class Body>
void guarded(TF_OpKernelContext* context, Place place, Body body) noexcept {
  try {
    KernelCall call(context, place);
    if (const Status status = body(call); !status.ok()) fail(context, status);
  } catch (const std::exception& error) {
    fail(context, Status(Code::kInternal, error.what()));
  } catch (...) {
    fail(context, Status(Code::kInternal, "an unknown C++ exception"));
  }
}

/** Shape inference: handles of one call, freed at its end. */
class ShapeCall {
 public:
  ShapeCall(TF_ShapeInferenceContext* context, TF_Status* status) : context_(context), status_(status) {}
  ~ShapeCall();
  ShapeCall(const ShapeCall&) = delete;
  ShapeCall& operator=(const ShapeCall&) = delete;

  TF_ShapeHandle* input(int index);
  TF_ShapeHandle* withRank(TF_ShapeHandle* shape, int64_t rank);
  TF_ShapeHandle* withRankAtLeast(TF_ShapeHandle* shape, int64_t rank);
  /** Sizes [first, last) of the shape; negative ones count from the end. */
  TF_ShapeHandle* slice(TF_ShapeHandle* shape, int64_t first, int64_t last);
  /** The shape [size]. */
  TF_ShapeHandle* vector(int64_t size);
  /** The sizes of `first`, then those of `second`. */
  TF_ShapeHandle* concatenated(TF_ShapeHandle* first, TF_ShapeHandle* second);
  void output(int index, TF_ShapeHandle* shape);

 private:
  bool ok() const { return api().GetCode(status_) == kTfOk; }
  TF_ShapeHandle* fresh();

  TF_ShapeInferenceContext* context_;
  TF_Status* status_;
  std::vector<TF_ShapeHandle*> handles_;
};

}  // namespace vlltr::tensorflow
