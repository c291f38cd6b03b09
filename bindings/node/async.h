#pragma once

#include <napi.h>

#include <functional>
#include <utility>

#include "node/arguments.h"

namespace vlltr::node {

/** Work on a thread of libuv's pool, and the promise of its outcome. */
class Async : public Napi::AsyncWorker {
 public:
  using Work = std::function<Status()>;
  using Outcome = std::function<Napi::Value(Napi::Env)>;

  /** The promise of what `outcome` makes, on the thread of JavaScript, once `work` is done; or of its error.
   */
  static Napi::Value run(Napi::Env env, Work work, Outcome outcome) {
    auto* async = new Async(env, std::move(work), std::move(outcome));  // deletes itself
    const Napi::Promise promise = async->deferred_.Promise();
    async->Queue();
    return promise;
  }

 private:
  Async(Napi::Env env, Work work, Outcome outcome)
      : AsyncWorker(env),
        work_(std::move(work)),
        outcome_(std::move(outcome)),
        deferred_(Napi::Promise::Deferred::New(env)) {}

  void Execute() override { status_ = work_(); }
  void OnOK() override {
    if (status_.ok()) {
      deferred_.Resolve(outcome_(Env()));
    } else {
      deferred_.Reject(errorOf(Env(), status_).Value());
    }
  }
  void OnError(const Napi::Error& error) override { deferred_.Reject(error.Value()); }

  Work work_;
  Outcome outcome_;
  Status status_;
  Napi::Promise::Deferred deferred_;
};

}  // namespace vlltr::node
