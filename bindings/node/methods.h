#pragma once

#include <napi.h>

namespace vlltr::node {

// TensorFlow functions (bindings/tensorflow/function.h).
Napi::Value canDefineFunctions(const Napi::CallbackInfo& info);
Napi::Value defineFunction(const Napi::CallbackInfo& info);
Napi::Value removeFunction(const Napi::CallbackInfo& info);

// One function an op and direction; arguments as in bindings/addon.ts. They throw Napi::Error only.
Napi::Value layerNormForward(const Napi::CallbackInfo& info);
Napi::Value layerNormBackward(const Napi::CallbackInfo& info);

}  // namespace vlltr::node
