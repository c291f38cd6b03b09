#pragma once

#include <napi.h>

#include <cstdint>
#include <map>

#include "tensorflow/function_graph.h"

namespace vlltr::node {

/** What belongs to one JavaScript environment (the main thread or a worker); goes with it. */
struct Environment {
  int64_t calls = 0;  // of kernels
  std::map<int, tensorflow::FunctionGraph> graphs;
  int lastGraph = 0;

  static Environment& of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }
};

}  // namespace vlltr::node
