#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "vlltr/status.h"

// The opaque types of TensorFlow's C API (tensorflow/c: c_api.h, kernels.h, ops.h) that are used.
extern "C" {
struct TF_Status;
struct TF_Tensor;
struct TF_OpDefinitionBuilder;
struct TF_KernelBuilder;
struct TF_OpKernelConstruction;
struct TF_OpKernelContext;
struct TF_ShapeInferenceContext;
struct TF_ShapeHandle;
struct TF_DimensionHandle;
struct TF_AllocatorAttributes {
  size_t struct_size;
  unsigned char on_host;
};
struct TF_Buffer {
  const void* data;
  size_t length;
  void (*data_deallocator)(void* data, size_t length);
};
}

namespace vlltr::tensorflow {

/** The values of TF_DataType and TF_Code that are used. */
constexpr int kFloat = 1, kUint8 = 4;
enum TensorFlowCode {
  kTfOk = 0,
  kTfInvalidArgument = 3,
  kTfResourceExhausted = 8,
  kTfInternal = 13,
  kTfUnavailable = 14
};

/** Every symbol of TensorFlow that the addon uses: name without TF_, result, parameters. */
#define VLLTR_TENSORFLOW_SYMBOLS(X)                                                                       \
  X(Version, const char*, ())                                                                             \
  X(NewStatus, TF_Status*, ())                                                                            \
  X(DeleteStatus, void, (TF_Status*))                                                                     \
  X(SetStatus, void, (TF_Status*, int code, const char* message))                                         \
  X(GetCode, int, (const TF_Status*))                                                                     \
  X(Message, const char*, (const TF_Status*))                                                             \
  X(DeleteBuffer, void, (TF_Buffer*))                                                                     \
  X(GetRegisteredKernelsForOp, TF_Buffer*, (const char* op, TF_Status*))                                  \
  X(NewOpDefinitionBuilder, TF_OpDefinitionBuilder*, (const char* op))                                    \
  X(OpDefinitionBuilderAddAttr, void, (TF_OpDefinitionBuilder*, const char*))                             \
  X(OpDefinitionBuilderAddInput, void, (TF_OpDefinitionBuilder*, const char*))                            \
  X(OpDefinitionBuilderAddOutput, void, (TF_OpDefinitionBuilder*, const char*))                           \
  X(OpDefinitionBuilderSetShapeInferenceFunction, void,                                                   \
    (TF_OpDefinitionBuilder*, void (*)(TF_ShapeInferenceContext*, TF_Status*)))                           \
  X(RegisterOpDefinition, void, (TF_OpDefinitionBuilder*, TF_Status*))                                    \
  X(NewShapeHandle, TF_ShapeHandle*, ())                                                                  \
  X(DeleteShapeHandle, void, (TF_ShapeHandle*))                                                           \
  X(ShapeInferenceContextGetInput, void, (TF_ShapeInferenceContext*, int, TF_ShapeHandle*, TF_Status*))   \
  X(ShapeInferenceContextSetOutput, void, (TF_ShapeInferenceContext*, int, TF_ShapeHandle*, TF_Status*))  \
  X(ShapeInferenceContextWithRank, void,                                                                  \
    (TF_ShapeInferenceContext*, TF_ShapeHandle*, int64_t, TF_ShapeHandle*, TF_Status*))                   \
  X(ShapeInferenceContextWithRankAtLeast, void,                                                           \
    (TF_ShapeInferenceContext*, TF_ShapeHandle*, int64_t, TF_ShapeHandle*, TF_Status*))                   \
  X(ShapeInferenceContextSubshape, void,                                                                  \
    (TF_ShapeInferenceContext*, TF_ShapeHandle*, int64_t, int64_t, TF_ShapeHandle*, TF_Status*))          \
  X(ShapeInferenceContextVectorFromSize, TF_ShapeHandle*, (TF_ShapeInferenceContext*, size_t))            \
  X(ShapeInferenceContextConcatenateShapes, void,                                                         \
    (TF_ShapeInferenceContext*, TF_ShapeHandle*, TF_ShapeHandle*, TF_ShapeHandle*, TF_Status*))           \
  X(NewKernelBuilder, TF_KernelBuilder*,                                                                  \
    (const char* op, const char* device, void* (*create)(TF_OpKernelConstruction*),                       \
     void (*compute)(void*, TF_OpKernelContext*), void (*destroy)(void*)))                                \
  X(RegisterKernelBuilder, void, (const char* name, TF_KernelBuilder*, TF_Status*))                       \
  X(OpKernelConstruction_GetAttrFloat, void, (TF_OpKernelConstruction*, const char*, float*, TF_Status*)) \
  X(OpKernelConstruction_GetAttrBool, void,                                                               \
    (TF_OpKernelConstruction*, const char*, unsigned char*, TF_Status*))                                  \
  X(OpKernelConstruction_Failure, void, (TF_OpKernelConstruction*, TF_Status*))                           \
  X(OpKernelContext_Failure, void, (TF_OpKernelContext*, TF_Status*))                                     \
  X(NumInputs, int, (TF_OpKernelContext*))                                                                \
  X(GetInput, void, (TF_OpKernelContext*, int, TF_Tensor**, TF_Status*))                                  \
  X(AllocateOutput, TF_Tensor*,                                                                           \
    (TF_OpKernelContext*, int, int dtype, const int64_t* dims, int rank, size_t bytes, TF_Status*))       \
  X(DeleteTensor, void, (TF_Tensor*))                                                                     \
  X(TensorData, void*, (const TF_Tensor*))                                                                \
  X(NumDims, int, (const TF_Tensor*))                                                                     \
  X(Dim, int64_t, (const TF_Tensor*, int))

/** Those that kernels on a card need besides; older TensorFlows lack some. */
#define VLLTR_TENSORFLOW_CARD_SYMBOLS(X)                                       \
  X(KernelBuilder_HostMemory, void, (TF_KernelBuilder*, const char* argument)) \
  X(GetDeviceId, int, (TF_OpKernelContext*))                                   \
  X(AllocateTemp, TF_Tensor*,                                                  \
    (TF_OpKernelContext*, int dtype, const int64_t* dims, int rank, TF_AllocatorAttributes*, TF_Status*))

/** TensorFlow's C API as found in this process; what it lacks for kernels on a card is null. */
struct Api {
#define VLLTR_DECLARE(name, result, parameters) result(*name) parameters = nullptr;
  VLLTR_TENSORFLOW_SYMBOLS(VLLTR_DECLARE)
  VLLTR_TENSORFLOW_CARD_SYMBOLS(VLLTR_DECLARE)
#undef VLLTR_DECLARE
  bool hasCardSymbols() const {
    return KernelBuilder_HostMemory != nullptr && GetDeviceId != nullptr && AllocateTemp != nullptr;
  }
};

/** The TensorFlow libraries that this process has already loaded. kUnavailable without one. */
Status loadedLibraries(std::vector<void*>* libraries);

/** The first of the libraries' symbols of that name, or null. */
void* findSymbol(const std::vector<void*>& libraries, const char* symbol);

/**
 * Finds TensorFlow among the libraries that this process has already loaded; loads none itself.
 * kUnavailable without one, or naming the symbols that it lacks. Asked again after a failure, it looks again.
 */
Status findApi();

/** The API; only after `findApi()` has succeeded. */
const Api& api();

}  // namespace vlltr::tensorflow
