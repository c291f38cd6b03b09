#include "tensorflow/function.h"

#include "node/arguments.h"
#include "node/methods.h"

// A function's definition arrives as the plain object that bindings/addon.ts describes. What is missing in
// it, or of another type, makes node-addon-api throw.
namespace vlltr::node {
namespace {

using tensorflow::ConstantTensor;
using tensorflow::FunctionDefinition;
using tensorflow::FunctionOp;
using tensorflow::OpAttribute;
using tensorflow::TensorType;

std::string text(const Napi::Object& object, const char* key) {
  return object.Get(key).As<Napi::String>().Utf8Value();
}

int integer(const Napi::Value& value) { return value.As<Napi::Number>().Int32Value(); }

template <class Use>
void each(const Napi::Value& list, Use use) {
  const Napi::Array array = list.As<Napi::Array>();
  for (uint32_t i = 0; i < array.Length(); ++i) use(Napi::Value(array.Get(i)));
}

std::vector<int64_t> longs(const Napi::Value& list) {
  std::vector<int64_t> values;
  each(list, [&](const Napi::Value& value) { values.push_back(value.As<Napi::Number>().Int64Value()); });
  return values;
}

std::vector<int> integers(const Napi::Value& list) {
  std::vector<int> values;
  each(list, [&](const Napi::Value& value) { values.push_back(integer(value)); });
  return values;
}

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

FunctionDefinition definition(const Napi::Object& object) {
  FunctionDefinition result;
  result.name = text(object, "name");
  each(object.Get("arguments"),
       [&](const Napi::Value& value) { result.arguments.push_back(tensorType(value.As<Napi::Object>())); });
  each(object.Get("constants"),
       [&](const Napi::Value& value) { result.constants.push_back(constant(value.As<Napi::Object>())); });
  each(object.Get("ops"),
       [&](const Napi::Value& value) { result.ops.push_back(op(value.As<Napi::Object>())); });
  result.results = integers(object.Get("results"));
  result.compile = object.Get("compile").As<Napi::Boolean>().Value();
  const Napi::Uint8Array config = object.Get("config").As<Napi::Uint8Array>();
  result.config.assign(reinterpret_cast<const char*>(config.Data()), config.ByteLength());
  return result;
}

TFE_Context* contextOf(const Napi::CallbackInfo& info) {
  TFE_Context* context = nullptr;
  const Status status = tensorflow::bindingContext(info[0].As<Napi::String>().Utf8Value(), &context);
  if (!status.ok()) throwStatus(info.Env(), status);
  return context;
}

}  // namespace

Napi::Value canDefineFunctions(const Napi::CallbackInfo& info) {
  TFE_Context* context = nullptr;
  Status status = tensorflow::findGraphApi();
  if (status.ok()) status = tensorflow::bindingContext(info[0].As<Napi::String>().Utf8Value(), &context);
  return Napi::Boolean::New(info.Env(), status.ok());
}

Napi::Value defineFunction(const Napi::CallbackInfo& info) {
  const FunctionDefinition made = definition(info[1].As<Napi::Object>());
  const Status status = tensorflow::defineFunction(contextOf(info), made);
  if (!status.ok()) throwStatus(info.Env(), status);
  return info.Env().Undefined();
}

Napi::Value removeFunction(const Napi::CallbackInfo& info) {
  const Status status = tensorflow::removeFunction(contextOf(info), info[1].As<Napi::String>().Utf8Value());
  if (!status.ok()) throwStatus(info.Env(), status);
  return info.Env().Undefined();
}

}  // namespace vlltr::node
