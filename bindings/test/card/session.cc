#include "card/session.h"

#include <dlfcn.h>

#include <cstring>

#include "card/hazards.h"
#include "check.h"

namespace vlltr::tensorflow {
namespace {

#define VLLTR_EAGER_SYMBOLS(X)                                              \
  X(TFE_NewContextOptions, TFE_ContextOptions*, ())                         \
  X(TFE_NewContext, TFE_Context*, (const TFE_ContextOptions*, TF_Status*))  \
  X(TFE_NewTensorHandle, TFE_TensorHandle*, (const TF_Tensor*, TF_Status*)) \
  X(TFE_TensorHandleResolve, TF_Tensor*, (TFE_TensorHandle*, TF_Status*))   \
  X(TFE_DeleteTensorHandle, void, (TFE_TensorHandle*))                      \
  X(TFE_NewOp, TFE_Op*, (TFE_Context*, const char*, TF_Status*))            \
  X(TFE_DeleteOp, void, (TFE_Op*))                                          \
  X(TFE_OpAddInput, void, (TFE_Op*, TFE_TensorHandle*, TF_Status*))         \
  X(TFE_OpSetAttrInt, void, (TFE_Op*, const char*, int64_t))                \
  X(TFE_OpSetAttrFloat, void, (TFE_Op*, const char*, float))                \
  X(TFE_OpSetAttrBool, void, (TFE_Op*, const char*, unsigned char))         \
  X(TFE_Execute, void, (TFE_Op*, TFE_TensorHandle * *outputs, int* count, TF_Status*))

struct EagerApi {
#define VLLTR_DECLARE(name, result, parameters) result(*name) parameters = nullptr;
  VLLTR_EAGER_SYMBOLS(VLLTR_DECLARE)
#undef VLLTR_DECLARE
} eager;

void findEagerApi() {
  std::vector<void*> libraries;
  CHECK_OK(loadedLibraries(&libraries));
#define VLLTR_FIND(name, result, parameters)                                         \
  eager.name = reinterpret_cast<result(*) parameters>(findSymbol(libraries, #name)); \
  CHECK(eager.name != nullptr);
  VLLTR_EAGER_SYMBOLS(VLLTR_FIND)
#undef VLLTR_FIND
}

const FunctionOp kLater = {"later", kLaterOp, {}, {}, 1};

}  // namespace

Session::Session(const std::string& folder) {
  for (const char* library : {"/libtensorflow_framework.so.2", "/libtensorflow_cc.so.2"}) {
    if (dlopen((folder + library).c_str(), RTLD_NOW | RTLD_GLOBAL) == nullptr) {
      std::fprintf(stderr, "%s\n", dlerror());
      std::exit(1);
    }
  }
  CHECK_OK(findGraphApi());
  findEagerApi();
  CHECK_OK(registerOps(&registration_));
  makeHazards();
  TfStatus status;
  context_ = eager.TFE_NewContext(eager.TFE_NewContextOptions(), status);
  CHECK_OK(status.take("a context"));
}

void Session::HandleDeleter::operator()(TFE_TensorHandle* handle) const {
  eager.TFE_DeleteTensorHandle(handle);
}

Session::Handle Session::place(const ConstantTensor& given) {
  const std::vector<int64_t>& shape = given.type.shape;
  TF_Tensor* tensor = graphApi().TF_AllocateTensor(given.type.dtype, shape.data(),
                                                   static_cast<int>(shape.size()), given.bytes);
  if (given.bytes > 0) std::memcpy(api().TensorData(tensor), given.data, given.bytes);
  TfStatus status;
  Handle handle(eager.TFE_NewTensorHandle(tensor, status));
  api().DeleteTensor(tensor);
  CHECK_OK(status.take("a tensor"));
  return handle;
}

Status Session::execute(const FunctionOp& what, const std::vector<Handle>& inputs,
                        std::vector<Handle>* outputs) {
  TfStatus status;
  TFE_Op* const op = eager.TFE_NewOp(context_, what.op.c_str(), status);
  CHECK_OK(status.take(what.op));
  for (const Handle& input : inputs) {
    eager.TFE_OpAddInput(op, input.get(), status);
    CHECK_OK(status.take(what.op));
  }
  for (const OpAttribute& attribute : what.attributes) {
    const char* const name = attribute.name.c_str();
    if (attribute.type == kInt) eager.TFE_OpSetAttrInt(op, name, attribute.ints[0]);
    if (attribute.type == kFloatType) eager.TFE_OpSetAttrFloat(op, name, attribute.floats[0]);
    if (attribute.type == kBool) {
      eager.TFE_OpSetAttrBool(op, name, static_cast<unsigned char>(attribute.ints[0]));
    }
  }
  int count = what.outputs;
  std::vector<TFE_TensorHandle*> made(static_cast<size_t>(count), nullptr);
  eager.TFE_Execute(op, made.data(), &count, status);
  eager.TFE_DeleteOp(op);
  for (TFE_TensorHandle* handle : made) {
    if (handle != nullptr) outputs->emplace_back(handle);
  }
  return status.take(what.op);
}

Status Session::runInFunction(FunctionOp op, const std::vector<Input>& inputs,
                              const std::vector<Handle>& handles, std::vector<Handle>* outputs) {
  FunctionGraph graph;
  int values = 0;
  for (const Input& input : inputs) {
    CHECK_OK(graph.addArgument(input.tensor.type));
    op.inputs.push_back(values++);
  }
  std::vector<OutputType> types;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].late) continue;
    FunctionOp later = kLater;
    later.name += std::to_string(i), later.inputs = {op.inputs[i]};
    CHECK_OK(graph.addOp(later, &types));
    op.inputs[i] = values++;
  }
  CHECK_OK(graph.addOp(op, &types));
  FunctionDefinition definition;
  definition.name = "function" + std::to_string(functions_++);
  for (int i = 0; i < op.outputs; ++i) definition.results.push_back(values++);
  CHECK_OK(defineFunction(context_, graph, definition));
  FunctionOp call;
  call.op = definition.name, call.outputs = op.outputs;
  const Status status = execute(call, handles, outputs);
  CHECK_OK(removeFunction(context_, definition.name));
  return status;
}

Status Session::run(Way way, FunctionOp op, const std::vector<Input>& inputs, std::vector<Floats>* outputs) {
  std::vector<Handle> given, made;
  for (const Input& input : inputs) {
    given.push_back(place(input.tensor));
    if (way == Way::kInFunction || !input.late) continue;
    std::vector<Handle> before, after;
    before.push_back(std::move(given.back()));
    CHECK_OK(execute(kLater, before, &after));
    given.back() = std::move(after[0]);
  }
  op.name = "op";
  VLLTR_RETURN_IF_ERROR(way == Way::kByItself ? execute(op, given, &made)
                                              : runInFunction(op, inputs, given, &made));
  outputs->clear();
  for (const Handle& handle : made) {
    TfStatus status;
    TF_Tensor* const tensor = eager.TFE_TensorHandleResolve(handle.get(), status);
    CHECK_OK(status.take("an output"));
    Shape shape;
    for (int i = 0; i < api().NumDims(tensor); ++i) shape.push_back(api().Dim(tensor, i));
    const auto* const values = static_cast<const float*>(api().TensorData(tensor));
    outputs->emplace_back(values, values + elements(shape));
    api().DeleteTensor(tensor);
  }
  return Status();
}

}  // namespace vlltr::tensorflow
