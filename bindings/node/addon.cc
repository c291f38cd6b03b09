// The Node-API door: the table of what the addon exports. bindings/addon.ts is its contract in TypeScript;
// bindings/check-contract.mjs compares the two.
#include <napi.h>

#include <string>
#include <vector>

#include "node/arguments.h"
#include "node/environment.h"
#include "node/methods.h"
#include "selftest/report.h"
#include "tensorflow/register.h"
#include "vlltr/isa.h"
#include "vlltr/pictures.h"
#include "vlltr/thread_pool.h"

namespace vlltr::node {
namespace {

Napi::Value info(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Isa isa;
  ThreadPool* pool;
  if (const Status status = chosenIsa(&isa); !status.ok()) throwStatus(env, status);
  if (const Status status = ThreadPool::shared(&pool); !status.ok()) throwStatus(env, status);
  Napi::Array available = Napi::Array::New(env);
  for (const Isa each : availableIsas()) available.Set(available.Length(), isaName(each));
  Napi::Array checked = Napi::Array::New(env);
  for (const std::string& op : cpuSelftestOps()) checked.Set(checked.Length(), op);
  Napi::Object result = Napi::Object::New(env);
  result.Set("isa", isaName(isa));
  result.Set("available", available);
  result.Set("checked", checked);
  result.Set("threads", pool->threads());
  result.Set("jpeg", jpegLibrary());
  result.Set("calls", static_cast<double>(Environment::of(env).calls));
  return result;
}

Napi::Value registerTensorFlowOps(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  tensorflow::Registration registration;
  if (const Status status = tensorflow::registerOps(&registration); !status.ok()) throwStatus(env, status);
  Napi::Object kernels = Napi::Object::New(env);
  for (const auto& [op, devices] : registration.kernels) {
    Napi::Array names = Napi::Array::New(env);
    for (const std::string& device : devices) names.Set(names.Length(), device);
    kernels.Set(op, names);
  }
  Napi::Object result = Napi::Object::New(env);
  result.Set("version", registration.version);
  result.Set("kernels", kernels);
  return result;
}

Napi::Value later(const Napi::CallbackInfo& info);

struct Method {
  const char* name;
  size_t arity;
  bool kernel;  // counted in Environment::calls
  Napi::Value (*call)(const Napi::CallbackInfo&);
};

constexpr Method kMethods[] = {
    {"info", 0, false, info},
    {"cuda", 0, false, cuda},
    {"selftest", 4, false, selftest},
    {"useDevice", 1, false, useDevice},
    {"later", 2, false, later},
    {"registerTensorFlowOps", 0, false, registerTensorFlowOps},
    {"newFunctionGraph", 0, false, newFunctionGraph},
    {"addFunctionArgument", 2, false, addFunctionArgument},
    {"addFunctionConstant", 2, false, addFunctionConstant},
    {"addFunctionOp", 2, false, addFunctionOp},
    {"deleteFunctionGraph", 1, false, deleteFunctionGraph},
    {"canDefineFunctions", 1, false, canDefineFunctions},
    {"defineFunction", 3, false, defineFunction},
    {"removeFunction", 2, false, removeFunction},
    {"adamw", 15, true, adamw},
    {"newAnchorTable", 5, false, newAnchorTable},
    {"deleteAnchorTable", 1, false, deleteAnchorTable},
    {"anchorAttentionForward", 10, true, anchorAttentionForward},
    {"anchorAttentionBackward", 18, true, anchorAttentionBackward},
    {"anchorAttentionWeights", 11, true, anchorAttentionWeights},
    {"contrastiveForward", 14, true, contrastiveForward},
    {"contrastiveBackward", 17, true, contrastiveBackward},
    {"layerNormForward", 7, true, layerNormForward},
    {"layerNormBackward", 8, true, layerNormBackward},
    {"decodeJpeg", 7, false, decodeJpeg},
    {"resamplePicture", 10, false, resamplePicture},
    {"countView", 2, false, countView},
    {"mapView", 3, false, mapView},
    {"blendView", 5, false, blendView},
    {"affineView", 10, false, affineView},
    {"slideView", 7, false, slideView},
    {"normaliseView", 3, false, normaliseView},
    {"fillNoise", 10, false, fillNoise},
};

Napi::Value invoke(const Napi::CallbackInfo& info) {
  const auto& method = *static_cast<const Method*>(info.Data());
  if (info.Length() != method.arity) {
    throwStatus(info.Env(),
                invalidArgument(std::string(method.name) + ": got " + std::to_string(info.Length()) +
                                " arguments, expected " + std::to_string(method.arity)));
  }
  if (method.kernel) ++Environment::of(info.Env()).calls;
  return method.call(info);
}

/** A kernel's call as `invoke` has it, with the environment told that `finish` is to put it on libuv's pool.
 */
Napi::Value later(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto deferred = Napi::Promise::Deferred::New(env);
  Arguments arguments("later", info);
  const std::string name = arguments.text(0, "kernel");
  Status status = arguments.status();
  if (status.ok() && !info[1].IsArray()) status = invalidArgument("later: given is no array of arguments");
  const Method* found = nullptr;
  for (const Method& method : kMethods) {
    if (method.kernel && method.name == name) found = &method;
  }
  if (status.ok() && found == nullptr) status = invalidArgument("later: there is no kernel " + name);
  if (!status.ok()) {
    deferred.Reject(errorOf(env, status).Value());
    return deferred.Promise();
  }
  std::vector<napi_value> given;
  const auto list = info[1].As<Napi::Array>();
  for (uint32_t i = 0; i < list.Length(); ++i) given.push_back(list.Get(i));
  bool& flag = Environment::of(env).later;
  flag = true;
  try {
    const auto call = Napi::Function::New(env, invoke, found->name, const_cast<Method*>(found));
    const Napi::Value promise = call.Call(given);
    flag = false;
    return promise;
  } catch (const Napi::Error& error) {
    flag = false;
    deferred.Reject(error.Value());
    return deferred.Promise();
  }
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(new Environment);  // freed with the environment
  for (const Method& method : kMethods) {
    exports.Set(method.name, Napi::Function::New(env, invoke, method.name, const_cast<Method*>(&method)));
  }
  return exports;
}

}  // namespace
}  // namespace vlltr::node

using vlltr::node::init;  // the macro pastes the name into an identifier

NODE_API_MODULE(vl_ltr, init)
