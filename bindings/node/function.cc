#include "tensorflow/function.h"

#include "node/arguments.h"
#include "node/function_graph.h"
#include "node/methods.h"
#include "node/values.h"

namespace vlltr::node {
namespace {

using tensorflow::FunctionDefinition;

FunctionDefinition definition(const Napi::Object& object) {
  FunctionDefinition result;
  result.name = text(object, "name");
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
  const FunctionDefinition made = definition(info[2].As<Napi::Object>());
  const Status status = tensorflow::defineFunction(contextOf(info), functionGraph(info[1]), made);
  if (!status.ok()) throwStatus(info.Env(), status);
  return info.Env().Undefined();
}

Napi::Value removeFunction(const Napi::CallbackInfo& info) {
  const Status status = tensorflow::removeFunction(contextOf(info), info[1].As<Napi::String>().Utf8Value());
  if (!status.ok()) throwStatus(info.Env(), status);
  return info.Env().Undefined();
}

}  // namespace vlltr::node
