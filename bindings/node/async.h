#pragma once

#include <napi.h>

#include <functional>
#include <utility>
#include <vector>

#include "node/arguments.h"

namespace vlltr::node {

/** Work on a thread of libuv's pool, and the promise of its outcome. */
class Async : public Napi::AsyncWorker {
 public:
  using Work = std::function<Status()>;
  using Outcome = std::function<Napi::Value(Napi::Env)>;
  using References = std::vector<Napi::ObjectReference>;

  /** The promise of what `outcome` makes, on the thread of JavaScript, once `work` is done; or of its error.
   * Until then what `used` refers to is kept. */
  static Napi::Value run(Napi::Env env, Work work, Outcome outcome, References used = {});

 private:
  Async(Napi::Env env, Work work, Outcome outcome, References used)
      : AsyncWorker(env),
        work_(std::move(work)),
        outcome_(std::move(outcome)),
        used_(std::move(used)),
        deferred_(Napi::Promise::Deferred::New(env)) {}

  void Execute() override { status_ = work_(); }
  void OnOK() override;
  void OnError(const Napi::Error& error) override { deferred_.Reject(error.Value()); }

  Work work_;
  Outcome outcome_;
  References used_;
  Status status_;
  Napi::Promise::Deferred deferred_;
};

/**
 * How a kernel's call ends, its arguments read: refused where they were wrong, else `work` is done here and
 * now, or, where the call came through `later`, on libuv's pool. `work` must own all it uses but the arrays.
 */
Napi::Value finish(const Napi::CallbackInfo& info, const Status& arguments, Async::Work work);

}  // namespace vlltr::node
