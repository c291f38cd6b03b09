#pragma once

#include "tensorflow/api.h"

// The opaque types of TensorFlow's C API (tensorflow/c: c_api.h, eager/c_api.h) for graphs and functions.
extern "C" {
struct TF_Graph;
struct TF_Operation;
struct TF_OperationDescription;
struct TF_Function;
struct TF_FunctionOptions;
struct TFE_Context;
struct TF_Output {
  TF_Operation* oper;
  int index;
};
}

namespace vlltr::tensorflow {

/** The values of TF_AttrType that are used. */
enum AttributeType { kString = 0, kInt = 1, kFloatType = 2, kBool = 3, kType = 4, kShape = 5 };

/** Every symbol of TensorFlow's graphs and functions that is used: name, result, parameters. */
#define VLLTR_TENSORFLOW_GRAPH_SYMBOLS(X)                                                                 \
  X(TF_NewGraph, TF_Graph*, ())                                                                           \
  X(TF_DeleteGraph, void, (TF_Graph*))                                                                    \
  X(TF_GraphGetOpDef, void, (TF_Graph*, const char* op, TF_Buffer*, TF_Status*))                          \
  X(TF_GraphCopyFunction, void, (TF_Graph*, const TF_Function*, const TF_Function* gradient, TF_Status*)) \
  X(TF_NewOperation, TF_OperationDescription*, (TF_Graph*, const char* op, const char* name))             \
  X(TF_FinishOperation, TF_Operation*, (TF_OperationDescription*, TF_Status*))                            \
  X(TF_AddInput, void, (TF_OperationDescription*, TF_Output))                                             \
  X(TF_AddInputList, void, (TF_OperationDescription*, const TF_Output*, int))                             \
  X(TF_SetAttrString, void, (TF_OperationDescription*, const char*, const void*, size_t))                 \
  X(TF_SetAttrInt, void, (TF_OperationDescription*, const char*, int64_t))                                \
  X(TF_SetAttrIntList, void, (TF_OperationDescription*, const char*, const int64_t*, int))                \
  X(TF_SetAttrFloat, void, (TF_OperationDescription*, const char*, float))                                \
  X(TF_SetAttrFloatList, void, (TF_OperationDescription*, const char*, const float*, int))                \
  X(TF_SetAttrBool, void, (TF_OperationDescription*, const char*, unsigned char))                         \
  X(TF_SetAttrBoolList, void, (TF_OperationDescription*, const char*, const unsigned char*, int))         \
  X(TF_SetAttrType, void, (TF_OperationDescription*, const char*, int dtype))                             \
  X(TF_SetAttrTypeList, void, (TF_OperationDescription*, const char*, const int* dtypes, int))            \
  X(TF_SetAttrShape, void, (TF_OperationDescription*, const char*, const int64_t*, int))                  \
  X(TF_SetAttrFuncName, void, (TF_OperationDescription*, const char*, const char*, size_t))               \
  X(TF_SetAttrTensor, void, (TF_OperationDescription*, const char*, TF_Tensor*, TF_Status*))              \
  X(TF_OperationNumOutputs, int, (TF_Operation*))                                                         \
  X(TF_OperationOutputType, int, (TF_Output))                                                             \
  X(TF_GraphGetTensorNumDims, int, (TF_Graph*, TF_Output, TF_Status*))                                    \
  X(TF_GraphGetTensorShape, void, (TF_Graph*, TF_Output, int64_t* dims, int rank, TF_Status*))            \
  X(TF_DataTypeSize, size_t, (int dtype))                                                                 \
  X(TF_AllocateTensor, TF_Tensor*, (int dtype, const int64_t* dims, int rank, size_t bytes))              \
  X(TF_GraphToFunction, TF_Function*,                                                                     \
    (const TF_Graph*, const char* name, unsigned char append_hash, int operations,                        \
     const TF_Operation* const*, int inputs, const TF_Output*, int outputs, const TF_Output*,             \
     const char* const* output_names, const TF_FunctionOptions*, const char* description, TF_Status*))    \
  X(TF_FunctionSetAttrValueProto, void,                                                                   \
    (TF_Function*, const char*, const void* proto, size_t length, TF_Status*))                            \
  X(TF_DeleteFunction, void, (TF_Function*))                                                              \
  X(TFE_ContextAddFunction, void, (TFE_Context*, TF_Function*, TF_Status*))                               \
  X(TFE_ContextRemoveFunction, void, (TFE_Context*, const char*, TF_Status*))

/** TensorFlow's graph and function API as found in this process. */
struct GraphApi {
#define VLLTR_DECLARE(name, result, parameters) result(*name) parameters = nullptr;
  VLLTR_TENSORFLOW_GRAPH_SYMBOLS(VLLTR_DECLARE)
#undef VLLTR_DECLARE
};

/** Finds both APIs (see `findApi`); kUnavailable naming what is missing. */
Status findGraphApi();

/** The API; only after `findGraphApi()` has succeeded. */
const GraphApi& graphApi();

}  // namespace vlltr::tensorflow
