#include "vlltr/layer_norm.h"

#include "node/async.h"
#include "node/methods.h"

namespace vlltr::node {

// The number of rows is the length of `mean`, their width that of `gamma`.

Napi::Value layerNormForward(const Napi::CallbackInfo& info) {
  Arguments arguments("layerNormForward", info);
  LayerNormForward call;
  call.width = arguments.length(1, "gamma");
  call.rows = arguments.length(5, "mean");
  const int64_t size = Arguments::product(call.rows, call.width);
  call.x = arguments.floats(0, "x", size);
  call.gamma = arguments.floats(1, "gamma");
  call.beta = arguments.floats(2, "beta", call.width);
  call.epsilon = static_cast<float>(arguments.number(3, "epsilon"));
  call.y = arguments.floats(4, "y", size);
  call.mean = arguments.floats(5, "mean");
  call.rstd = arguments.floats(6, "rstd", call.rows);
  return finish(info, arguments.status(), [call] { return layerNorm(call); });
}

Napi::Value layerNormBackward(const Napi::CallbackInfo& info) {
  Arguments arguments("layerNormBackward", info);
  LayerNormBackward call;
  call.width = arguments.length(2, "gamma");
  call.rows = arguments.length(3, "mean");
  const int64_t size = Arguments::product(call.rows, call.width);
  call.dy = arguments.floats(0, "dy", size);
  call.x = arguments.floats(1, "x", size);
  call.gamma = arguments.floats(2, "gamma");
  call.mean = arguments.floats(3, "mean");
  call.rstd = arguments.floats(4, "rstd", call.rows);
  call.dx = arguments.floats(5, "dx", size);
  call.dgamma = arguments.floats(6, "dgamma", call.width);
  call.dbeta = arguments.floats(7, "dbeta", call.width);
  return finish(info, arguments.status(), [call] { return layerNorm(call); });
}

}  // namespace vlltr::node
