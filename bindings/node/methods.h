#pragma once

#include <napi.h>

namespace vlltr::node {

// CUDA devices (native/include/vlltr/device.h).
Napi::Value cuda(const Napi::CallbackInfo& info);
Napi::Value selftest(const Napi::CallbackInfo& info);
Napi::Value useDevice(const Napi::CallbackInfo& info);

// The graph of a TensorFlow function (bindings/tensorflow/function_graph.h).
Napi::Value newFunctionGraph(const Napi::CallbackInfo& info);
Napi::Value addFunctionArgument(const Napi::CallbackInfo& info);
Napi::Value addFunctionConstant(const Napi::CallbackInfo& info);
Napi::Value addFunctionOp(const Napi::CallbackInfo& info);
Napi::Value deleteFunctionGraph(const Napi::CallbackInfo& info);

// TensorFlow functions (bindings/tensorflow/function.h).
Napi::Value canDefineFunctions(const Napi::CallbackInfo& info);
Napi::Value defineFunction(const Napi::CallbackInfo& info);
Napi::Value removeFunction(const Napi::CallbackInfo& info);

// One function an op, or an op and direction; arguments as in bindings/addon.ts. They throw Napi::Error only.
Napi::Value adamw(const Napi::CallbackInfo& info);
Napi::Value layerNormForward(const Napi::CallbackInfo& info);
Napi::Value layerNormBackward(const Napi::CallbackInfo& info);

// Pictures (native/include/vlltr/pictures.h).
Napi::Value decodeJpeg(const Napi::CallbackInfo& info);
Napi::Value resamplePicture(const Napi::CallbackInfo& info);

// Their training views (native/include/vlltr/augment.h).
Napi::Value countView(const Napi::CallbackInfo& info);
Napi::Value mapView(const Napi::CallbackInfo& info);
Napi::Value blendView(const Napi::CallbackInfo& info);
Napi::Value affineView(const Napi::CallbackInfo& info);
Napi::Value slideView(const Napi::CallbackInfo& info);
Napi::Value normaliseView(const Napi::CallbackInfo& info);
Napi::Value fillNoise(const Napi::CallbackInfo& info);

// Class-wise contrastive loss of a whole batch (native/include/vlltr/contrastive.h).
Napi::Value contrastiveForward(const Napi::CallbackInfo& info);
Napi::Value contrastiveBackward(const Napi::CallbackInfo& info);

// Anchor attention (native/include/vlltr/anchor_attention.h).
Napi::Value newAnchorTable(const Napi::CallbackInfo& info);
Napi::Value deleteAnchorTable(const Napi::CallbackInfo& info);
Napi::Value anchorAttentionForward(const Napi::CallbackInfo& info);
Napi::Value anchorAttentionBackward(const Napi::CallbackInfo& info);
Napi::Value anchorAttentionWeights(const Napi::CallbackInfo& info);

}  // namespace vlltr::node
