#include "tensorflow/op_definition.h"

#include "tensorflow/kernel.h"
#include "tensorflow/protobuf.h"

namespace vlltr::tensorflow {
namespace {

// Field numbers of OpDef and OpDef.ArgDef.
enum { kInputArg = 2, kIsStateful = 17 };
enum { kArgName = 1, kNumberAttr = 5, kTypeListAttr = 6 };

bool parseArgument(const Fields& field, OpArgument* argument) {
  Fields fields(field.data, field.size);
  while (fields.next()) {
    if (fields.number == kArgName) argument->name = fields.text();
    if (fields.number == kNumberAttr) argument->numberAttribute = fields.text();
    if (fields.number == kTypeListAttr) argument->typeListAttribute = fields.text();
  }
  return !fields.bad;
}

}  // namespace

bool OpInfo::inferred(const std::string& attribute) const {
  if (attribute.empty()) return false;
  for (const OpArgument& input : inputs) {
    if (attribute == input.numberAttribute || attribute == input.typeListAttribute) return true;
  }
  return false;
}

Status parseOpInfo(const void* data, size_t length, OpInfo* info) {
  Fields fields(data, length);
  bool whole = true;
  while (fields.next()) {
    if (fields.number == kIsStateful) info->stateful = fields.value != 0;
    if (fields.number == kInputArg) {
      info->inputs.emplace_back();
      whole = whole && parseArgument(fields, &info->inputs.back());
    }
  }
  if (whole && !fields.bad) return Status();
  return Status(Code::kInternal, "an op definition that cannot be read");
}

Status opInfo(TF_Graph* graph, const std::string& op, OpInfo* info) {
  TfStatus status;
  TF_Buffer buffer{nullptr, 0, nullptr};
  graphApi().TF_GraphGetOpDef(graph, op.c_str(), &buffer, status);
  if (!status.ok()) return invalidArgument("TensorFlow knows no op " + op);
  const Status parsed = parseOpInfo(buffer.data, buffer.length, info);
  if (buffer.data_deallocator != nullptr)
    buffer.data_deallocator(const_cast<void*>(buffer.data), buffer.length);
  return parsed;
}

}  // namespace vlltr::tensorflow
