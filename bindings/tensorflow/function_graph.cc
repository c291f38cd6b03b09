#include "tensorflow/function_graph.h"

#include <cstring>
#include <limits>

#include "tensorflow/kernel.h"

namespace vlltr::tensorflow {
namespace {

/** How many of the op's inputs each of its arguments takes: 1, what a number attribute says, or all that are
 * left. */
Status split(const FunctionOp& op, const OpInfo& info, std::vector<size_t>* lengths) {
  size_t lists = 0;
  for (const OpArgument& argument : info.inputs) {
    lists += !argument.numberAttribute.empty() || !argument.typeListAttribute.empty();
  }
  const size_t single = info.inputs.size() - lists;
  const std::string got = op.name + " (" + op.op + ") has " + std::to_string(op.inputs.size()) + " inputs";
  if (op.inputs.size() < single) return invalidArgument(got + ", expected " + std::to_string(single));
  size_t left = op.inputs.size() - single;
  for (const OpArgument& argument : info.inputs) {
    if (argument.numberAttribute.empty() && argument.typeListAttribute.empty()) {
      lengths->push_back(1);
      continue;
    }
    size_t length = left;
    for (const OpAttribute& attribute : op.attributes) {
      if (attribute.name == argument.numberAttribute && attribute.ints.size() == 1) {
        length = static_cast<size_t>(attribute.ints[0]);
      }
    }
    if (length > left) return invalidArgument(got + ", fewer than its attributes say");
    lengths->push_back(length);
    left -= length;
  }
  if (left > 0) return invalidArgument(got + ", more than it takes");
  return Status();
}

/**
 * Whether a tensor may have this shape, -1 standing for a size not known. TensorFlow ends the process over
 * one that it cannot have.
 */
Status checkShape(const std::vector<int64_t>& shape, int64_t least = 0) {
  int64_t count = 1;
  bool fits = shape.size() <= 254;
  for (const int64_t size : shape) {
    fits = fits && size >= least && size <= std::numeric_limits<int64_t>::max() / count;
    if (fits && size > 0) count *= size;
  }
  return fits ? Status() : invalidArgument("a tensor cannot be of shape " + format(shape));
}

Status setAttribute(TF_OperationDescription* node, const OpAttribute& attribute) {
  const char* name = attribute.name.c_str();
  const std::vector<int64_t>& ints = attribute.ints;
  const int length = static_cast<int>(attribute.type == kFloatType ? attribute.floats.size() : ints.size());
  const bool list = attribute.list;
  switch (attribute.type) {
    case kString:
      graphApi().TF_SetAttrString(node, name, attribute.text.data(), attribute.text.size());
      return Status();
    case kInt:
      list ? graphApi().TF_SetAttrIntList(node, name, ints.data(), length)
           : graphApi().TF_SetAttrInt(node, name, ints[0]);
      return Status();
    case kFloatType:
      list ? graphApi().TF_SetAttrFloatList(node, name, attribute.floats.data(), length)
           : graphApi().TF_SetAttrFloat(node, name, attribute.floats[0]);
      return Status();
    case kBool: {
      const std::vector<unsigned char> flags(ints.begin(), ints.end());
      list ? graphApi().TF_SetAttrBoolList(node, name, flags.data(), length)
           : graphApi().TF_SetAttrBool(node, name, flags[0]);
      return Status();
    }
    case kType:
      if (list) break;
      graphApi().TF_SetAttrType(node, name, static_cast<int>(ints[0]));
      return Status();
    case kShape:
      if (!list) break;
      VLLTR_RETURN_IF_ERROR(checkShape(ints, -1));
      graphApi().TF_SetAttrShape(node, name, ints.data(), length);
      return Status();
  }
  return invalidArgument("attribute " + attribute.name + " is of a kind that cannot be set (TF_AttrType " +
                         std::to_string(attribute.type) + (list ? ", a list)" : ")"));
}

/** Whether so many bytes are a tensor of this shape and type, a plain one. */
Status checkBytes(const ConstantTensor& constant) {
  const std::vector<int64_t>& shape = constant.type.shape;
  VLLTR_RETURN_IF_ERROR(checkShape(shape));
  const size_t width = graphApi().TF_DataTypeSize(constant.type.dtype);
  if (width > 0 && constant.bytes % width == 0 &&
      elements(shape) == static_cast<int64_t>(constant.bytes / width)) {
    return Status();
  }
  return invalidArgument("a constant of type " + std::to_string(constant.type.dtype) + " and shape " +
                         format(shape) + " has " + std::to_string(constant.bytes) + " bytes");
}

}  // namespace

Status FunctionGraph::addArgument(const TensorType& type) {
  VLLTR_RETURN_IF_ERROR(checkShape(type.shape));
  TF_OperationDescription* node = begin("Placeholder", "argument");
  graphApi().TF_SetAttrType(node, "dtype", type.dtype);
  graphApi().TF_SetAttrShape(node, "shape", type.shape.data(), static_cast<int>(type.shape.size()));
  VLLTR_RETURN_IF_ERROR(finish(node, "an argument", 1));
  arguments_.push_back(values_.back());
  argumentTypes_.push_back(type);
  return Status();
}

Status FunctionGraph::addConstant(const ConstantTensor& constant) {
  VLLTR_RETURN_IF_ERROR(checkBytes(constant));
  const std::vector<int64_t>& shape = constant.type.shape;
  TF_Tensor* tensor = graphApi().TF_AllocateTensor(constant.type.dtype, shape.data(),
                                                   static_cast<int>(shape.size()), constant.bytes);
  if (tensor == nullptr) return Status(Code::kResourceExhausted, "no memory for a constant");
  if (constant.bytes > 0) std::memcpy(api().TensorData(tensor), constant.data, constant.bytes);
  TF_OperationDescription* node = begin("Const", "constant");
  graphApi().TF_SetAttrType(node, "dtype", constant.type.dtype);
  TfStatus status;
  graphApi().TF_SetAttrTensor(node, "value", tensor, status);
  const Status added = finish(node, "a constant", 1);
  api().DeleteTensor(tensor);
  return added;
}

Status FunctionGraph::addOp(const FunctionOp& op, std::vector<OutputType>* outputs) {
  const OpInfo* info = nullptr;
  VLLTR_RETURN_IF_ERROR(infoOf(op, &info));
  if (info->stateful) {
    return invalidArgument(op.name + " (" + op.op +
                           ") keeps a state of its own between calls, or draws at random");
  }
  std::vector<TF_Output> inputs;
  for (const int number : op.inputs) {
    if (!has(number)) {
      return invalidArgument(op.name + " reads value " + std::to_string(number) + ", which is not there yet");
    }
    inputs.push_back(value(number));
  }
  std::vector<size_t> lengths;
  VLLTR_RETURN_IF_ERROR(split(op, *info, &lengths));
  TF_OperationDescription* node = graphApi().TF_NewOperation(graph_.get(), op.op.c_str(), op.name.c_str());
  size_t at = 0;
  for (size_t i = 0; i < info->inputs.size(); ++i) {
    const OpArgument& argument = info->inputs[i];
    if (argument.numberAttribute.empty() && argument.typeListAttribute.empty()) {
      graphApi().TF_AddInput(node, inputs[at]);
    } else {
      graphApi().TF_AddInputList(node, inputs.data() + at, static_cast<int>(lengths[i]));
    }
    at += lengths[i];
  }
  Status set;
  for (const OpAttribute& attribute : op.attributes) {
    if (set.ok() && !info->inferred(attribute.name)) set = setAttribute(node, attribute);
  }
  const Status added = finish(node, op.name, op.outputs);  // which also ends a node that is not wanted
  if (!set.ok()) return invalidArgument(op.name + " (" + op.op + "): " + set.message());
  VLLTR_RETURN_IF_ERROR(added);
  outputs->resize(static_cast<size_t>(op.outputs));
  for (size_t i = 0; i < outputs->size(); ++i) {
    VLLTR_RETURN_IF_ERROR(outputType(values_[values_.size() - outputs->size() + i], &(*outputs)[i]));
  }
  return Status();
}

Status FunctionGraph::infoOf(const FunctionOp& op, const OpInfo** info) {
  auto found = infos_.find(op.op);
  if (found == infos_.end()) {
    OpInfo fresh;
    VLLTR_RETURN_IF_ERROR(opInfo(graph_.get(), op.op, &fresh));
    found = infos_.emplace(op.op, std::move(fresh)).first;
  }
  *info = &found->second;
  return Status();
}

TF_OperationDescription* FunctionGraph::begin(const char* op, const char* kind) {
  return graphApi().TF_NewOperation(graph_.get(), op, (kind + std::to_string(values_.size())).c_str());
}

Status FunctionGraph::finish(TF_OperationDescription* node, const std::string& what, int outputs) {
  TfStatus status;
  TF_Operation* made = graphApi().TF_FinishOperation(node, status);
  if (!status.ok()) return invalidArgument(what + ": " + api().Message(status));
  const int has = graphApi().TF_OperationNumOutputs(made);
  if (outputs < 0 || outputs > has) {
    return invalidArgument(what + " has " + std::to_string(has) + " outputs, not " + std::to_string(outputs));
  }
  for (int i = 0; i < outputs; ++i) values_.push_back({made, i});
  return Status();
}

Status FunctionGraph::outputType(TF_Output value, OutputType* type) const {
  type->dtype = graphApi().TF_OperationOutputType(value);
  TfStatus status;
  const int rank = graphApi().TF_GraphGetTensorNumDims(graph_.get(), value, status);
  VLLTR_RETURN_IF_ERROR(status.take("the rank of a value"));
  if (rank < 0) return Status();
  std::vector<int64_t> shape(static_cast<size_t>(rank));
  graphApi().TF_GraphGetTensorShape(graph_.get(), value, shape.data(), rank, status);
  VLLTR_RETURN_IF_ERROR(status.take("the shape of a value"));
  for (const int64_t size : shape) {
    if (size < 0) return Status();
  }
  type->shape = std::move(shape);
  return Status();
}

Status FunctionGraph::close(const std::string& name, const std::vector<int>& results,
                            FunctionPointer* function) const {
  std::vector<TF_Output> outputs;
  for (const int number : results) {
    if (!has(number)) {
      return invalidArgument("result " + std::to_string(number) + " is no value of the function");
    }
    outputs.push_back(value(number));
  }
  return toFunction(graph_.get(), name, arguments_, outputs, function);
}

std::vector<int> FunctionGraph::typesOf(const std::vector<int>& values) const {
  std::vector<int> types;
  for (const int number : values) types.push_back(graphApi().TF_OperationOutputType(value(number)));
  return types;
}

Status toFunction(TF_Graph* graph, const std::string& name, const std::vector<TF_Output>& arguments,
                  const std::vector<TF_Output>& results, FunctionPointer* function) {
  TfStatus status;
  function->reset(graphApi().TF_GraphToFunction(
      graph, name.c_str(), 0, -1, nullptr, static_cast<int>(arguments.size()), arguments.data(),
      static_cast<int>(results.size()), results.data(), nullptr, nullptr, nullptr, status));
  return status.take("function " + name);
}

}  // namespace vlltr::tensorflow
