#include "vlltr/adamw.h"

#include "node/async.h"
#include "node/environment.h"
#include "node/methods.h"
#include "vlltr/hosted.h"

namespace vlltr::node {

Napi::Value adamw(const Napi::CallbackInfo& info) {
  Arguments arguments("adamw", info);
  Adamw call;
  call.size = arguments.length(0, "params");
  call.params = arguments.floats(0, "params");
  call.m = arguments.floats(1, "m", call.size);
  call.v = arguments.floats(2, "v", call.size);
  const std::vector<FloatArray> grads = arguments.floatArrays(3, "grads");
  const auto count = static_cast<int64_t>(grads.size());
  const float* rules = arguments.floats(4, "rules", 3 * count);
  call.learningRate = arguments.number(5, "learningRate");
  call.step = arguments.number(6, "step");
  call.beta1 = arguments.number(7, "beta1");
  call.beta2 = arguments.number(8, "beta2");
  call.epsilon = arguments.number(9, "epsilon");
  call.clipNorm = arguments.number(10, "clipNorm");
  call.newParams = arguments.floats(11, "newParams", call.size);
  call.newM = arguments.floats(12, "newM", call.size);
  call.newV = arguments.floats(13, "newV", call.size);
  call.gradNorm = arguments.floats(14, "gradNorm", 1);
  if (arguments.status().ok()) {
    for (const FloatArray& grad : grads) {
      call.parameters.push_back({grad.data, grad.length, rules[0], rules[1], rules[2]});
      rules += 3;
    }
  }
  return finish(info, arguments.status(), [call, device = Environment::of(info.Env()).device] {
    return device ? hosted::adamw(*device, call) : vlltr::adamw(call);
  });
}

}  // namespace vlltr::node
