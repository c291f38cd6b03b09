#include "tensorflow/function_graph.h"

#include "node/arguments.h"
#include "node/environment.h"
#include "node/function_graph.h"
#include "node/methods.h"
#include "node/values.h"

namespace vlltr::node {
namespace {

using tensorflow::ConstantTensor;
using tensorflow::FunctionOp;
using tensorflow::OpAttribute;
using tensorflow::OutputType;
using tensorflow::TensorType;

TensorType tensorType(const Napi::Object& object) {
  return {integer(object.Get("dtype")), longs(object.Get("shape"))};
}

ConstantTensor constant(const Napi::Object& object) {
  const Napi::TypedArray values = object.Get("values").As<Napi::TypedArray>();
  const char* start = static_cast<const char*>(values.ArrayBuffer().Data());
  return {tensorType(object), start + values.ByteOffset(), values.ByteLength()};
}

OpAttribute attribute(const Napi::Object& object) {
  OpAttribute result;
  result.name = text(object, "name");
  result.type = integer(object.Get("type"));
  const Napi::Value value = object.Get("value");
  if (result.type == tensorflow::kString) {
    result.text = value.As<Napi::String>().Utf8Value();
    return result;
  }
  result.list = value.IsArray();
  const auto add = [&](const Napi::Value& one) {
    if (result.type == tensorflow::kFloatType) {
      result.floats.push_back(one.As<Napi::Number>().FloatValue());
    } else {
      result.ints.push_back(one.IsBoolean() ? one.As<Napi::Boolean>().Value()
                                            : one.As<Napi::Number>().Int64Value());
    }
  };
  if (result.list) {
    each(value, add);
  } else {
    add(value);
  }
  return result;
}

FunctionOp op(const Napi::Object& object) {
  FunctionOp result;
  result.name = text(object, "name");
  result.op = text(object, "op");
  each(object.Get("attributes"),
       [&](const Napi::Value& value) { result.attributes.push_back(attribute(value.As<Napi::Object>())); });
  result.inputs = integers(object.Get("inputs"));
  result.outputs = integer(object.Get("outputs"));
  return result;
}

Napi::Value shapeOf(Napi::Env env, const OutputType& type) {
  if (!type.shape) return env.Null();
  Napi::Array shape = Napi::Array::New(env, type.shape->size());
  for (uint32_t i = 0; i < type.shape->size(); ++i) shape[i] = static_cast<double>((*type.shape)[i]);
  return shape;
}

void check(const Napi::CallbackInfo& info, const Status& status) {
  if (!status.ok()) throwStatus(info.Env(), status);
}

}  // namespace

tensorflow::FunctionGraph& functionGraph(const Napi::Value& number) {
  auto& graphs = Environment::of(number.Env()).graphs;
  const auto found = graphs.find(integer(number));
  if (found == graphs.end()) {
    throwStatus(number.Env(), invalidArgument("there is no graph " + number.ToString().Utf8Value()));
  }
  return found->second;
}

Napi::Value newFunctionGraph(const Napi::CallbackInfo& info) {
  check(info, tensorflow::findGraphApi());
  Environment& environment = Environment::of(info.Env());
  environment.graphs.try_emplace(++environment.lastGraph);
  return Napi::Number::New(info.Env(), environment.lastGraph);
}

Napi::Value addFunctionArgument(const Napi::CallbackInfo& info) {
  check(info, functionGraph(info[0]).addArgument(tensorType(info[1].As<Napi::Object>())));
  return info.Env().Undefined();
}

Napi::Value addFunctionConstant(const Napi::CallbackInfo& info) {
  check(info, functionGraph(info[0]).addConstant(constant(info[1].As<Napi::Object>())));
  return info.Env().Undefined();
}

Napi::Value addFunctionOp(const Napi::CallbackInfo& info) {
  std::vector<OutputType> outputs;
  check(info, functionGraph(info[0]).addOp(op(info[1].As<Napi::Object>()), &outputs));
  Napi::Array result = Napi::Array::New(info.Env(), outputs.size());
  for (uint32_t i = 0; i < outputs.size(); ++i) {
    Napi::Object type = Napi::Object::New(info.Env());
    type.Set("dtype", outputs[i].dtype);
    type.Set("shape", shapeOf(info.Env(), outputs[i]));
    result[i] = type;
  }
  return result;
}

Napi::Value deleteFunctionGraph(const Napi::CallbackInfo& info) {
  (void)functionGraph(info[0]);
  Environment::of(info.Env()).graphs.erase(integer(info[0]));
  return info.Env().Undefined();
}

}  // namespace vlltr::node
