#pragma once

#include <napi.h>

#include <cstdint>

namespace vlltr::node {

/** What belongs to one JavaScript environment (the main thread or a worker); goes with it. */
struct Environment {
  int64_t calls = 0;  // of kernels

  static Environment& of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }
};

}  // namespace vlltr::node
