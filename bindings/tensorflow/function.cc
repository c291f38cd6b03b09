#include "tensorflow/function.h"

#include <dlfcn.h>

#include "tensorflow/kernel.h"

namespace vlltr::tensorflow {
namespace {

constexpr char kTrue[] = {0x28, 0x01};  // AttrValue {b: true}

Status setTrue(TF_Function* function, const char* attribute) {
  TfStatus status;
  graphApi().TF_FunctionSetAttrValueProto(function, attribute, kTrue, sizeof kTrue, status);
  return status.take(attribute);
}

Status addToContext(TFE_Context* context, TF_Function* function, const std::string& name) {
  TfStatus status;
  graphApi().TFE_ContextAddFunction(context, function, status);
  return status.take("adding function " + name);
}

Status removeByName(TFE_Context* context, const std::string& name) {
  TfStatus status;
  graphApi().TFE_ContextRemoveFunction(context, name.c_str(), status);
  return status.take("removing function " + name);
}

std::string bodyName(const std::string& name) { return name + "_body"; }

/**
 * A function that does nothing but call `body` under a configuration of its own: the one way by which a
 * configuration reaches the optimiser of a function that is called by name.
 */
Status wrap(const FunctionGraph& inner, const FunctionDefinition& definition, const TF_Function* body,
            FunctionPointer* function) {
  const GraphPointer graph(graphApi().TF_NewGraph());
  TfStatus status;
  graphApi().TF_GraphCopyFunction(graph.get(), body, nullptr, status);
  VLLTR_RETURN_IF_ERROR(status.take("copying a function"));
  std::vector<TF_Output> arguments, results;
  std::vector<int> types;
  for (const TensorType& type : inner.arguments()) {
    const std::string name = "argument" + std::to_string(arguments.size());
    TF_OperationDescription* node = graphApi().TF_NewOperation(graph.get(), "Placeholder", name.c_str());
    graphApi().TF_SetAttrType(node, "dtype", type.dtype);
    graphApi().TF_SetAttrShape(node, "shape", type.shape.data(), static_cast<int>(type.shape.size()));
    arguments.push_back({graphApi().TF_FinishOperation(node, status), 0});
    VLLTR_RETURN_IF_ERROR(status.take("an argument"));
    types.push_back(type.dtype);
  }
  const std::string called = bodyName(definition.name);
  const std::vector<int> resultTypes = inner.typesOf(definition.results);
  TF_OperationDescription* node = graphApi().TF_NewOperation(graph.get(), "PartitionedCall", "call");
  graphApi().TF_AddInputList(node, arguments.data(), static_cast<int>(arguments.size()));
  graphApi().TF_SetAttrTypeList(node, "Tin", types.data(), static_cast<int>(types.size()));
  graphApi().TF_SetAttrTypeList(node, "Tout", resultTypes.data(), static_cast<int>(resultTypes.size()));
  graphApi().TF_SetAttrFuncName(node, "f", called.data(), called.size());
  graphApi().TF_SetAttrString(node, "config_proto", definition.config.data(), definition.config.size());
  TF_Operation* call = graphApi().TF_FinishOperation(node, status);
  VLLTR_RETURN_IF_ERROR(status.take("calling " + called));
  for (size_t i = 0; i < resultTypes.size(); ++i) results.push_back({call, static_cast<int>(i)});
  return toFunction(graph.get(), definition.name, arguments, results, function);
}

}  // namespace

Status defineFunction(TFE_Context* context, const FunctionGraph& graph,
                      const FunctionDefinition& definition) {
  const bool configured = !definition.config.empty();
  const std::string name = configured ? bodyName(definition.name) : definition.name;
  FunctionPointer function, outer;
  VLLTR_RETURN_IF_ERROR(graph.close(name, definition.results, &function));
  if (definition.compile) VLLTR_RETURN_IF_ERROR(setTrue(function.get(), "_XlaMustCompile"));
  if (!configured) return addToContext(context, function.get(), name);
  // Inlined, the body would be optimised under the caller's configuration.
  VLLTR_RETURN_IF_ERROR(setTrue(function.get(), "_noinline"));
  VLLTR_RETURN_IF_ERROR(wrap(graph, definition, function.get(), &outer));
  VLLTR_RETURN_IF_ERROR(addToContext(context, function.get(), name));
  const Status added = addToContext(context, outer.get(), definition.name);
  if (!added.ok()) (void)removeByName(context, name);
  return added;
}

Status removeFunction(TFE_Context* context, const std::string& name) {
  VLLTR_RETURN_IF_ERROR(findGraphApi());
  (void)removeByName(context, bodyName(name));  // there is one where the function has a configuration
  return removeByName(context, name);
}

Status bindingContext(const std::string& binding, TFE_Context** context) {
  void* library = dlopen(binding.c_str(), RTLD_NOLOAD | RTLD_LAZY);
  if (library == nullptr) return unavailable("TensorFlow.js's binding " + binding + " is not loaded");
  const auto current = reinterpret_cast<TFE_Context* (*)()>(dlsym(library, "vlltrTensorFlowContext"));
  if (current == nullptr)
    return unavailable("the binding " + binding + " shows no context: run `vl-ltr setup` again");
  *context = current();
  if (*context == nullptr) return unavailable("TensorFlow.js's binding has no context on this thread");
  return Status();
}

}  // namespace vlltr::tensorflow
