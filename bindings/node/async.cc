#include "node/async.h"

#include "node/environment.h"

namespace vlltr::node {

Napi::Value Async::run(Napi::Env env, Work work, Outcome outcome, References used) {
  // Deletes itself.
  auto* async = new Async(env, std::move(work), std::move(outcome), std::move(used));
  const Napi::Promise promise = async->deferred_.Promise();
  async->Queue();
  return promise;
}

void Async::OnOK() {
  if (status_.ok()) {
    deferred_.Resolve(outcome_(Env()));
  } else {
    deferred_.Reject(errorOf(Env(), status_).Value());
  }
}

Napi::Value finish(const Napi::CallbackInfo& info, const Status& arguments, Async::Work work) {
  const Napi::Env env = info.Env();
  if (!arguments.ok()) throwStatus(env, arguments);
  if (!Environment::of(env).later) {
    if (const Status status = work(); !status.ok()) throwStatus(env, status);
    return env.Undefined();
  }
  Async::References used;
  const auto keep = [&](const Napi::Value& value) {
    if (value.IsObject()) used.push_back(Napi::Persistent(value.As<Napi::Object>()));
  };
  for (size_t i = 0; i < info.Length(); ++i) {
    keep(info[i]);
    if (!info[i].IsArray()) continue;
    const auto list = info[i].As<Napi::Array>();
    for (uint32_t j = 0; j < list.Length(); ++j) keep(list.Get(j));
  }
  return Async::run(env, std::move(work), [](Napi::Env env) { return env.Undefined(); }, std::move(used));
}

}  // namespace vlltr::node
