#pragma once

#include <napi.h>

#include <cstdint>
#include <map>
#include <set>

#include "anchor_tables.h"
#include "tensorflow/function_graph.h"

namespace vlltr::node {

/** What belongs to one JavaScript environment (the main thread or a worker); goes with it. */
struct Environment {
  Environment() = default;
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

  int64_t calls = 0;  // of kernels
  std::map<int, tensorflow::FunctionGraph> graphs;
  int lastGraph = 0;
  std::set<int32_t> anchorTables;  // made here

  ~Environment() {
    for (const int32_t number : anchorTables) removeAnchorTable(number);
  }

  static Environment& of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }
};

}  // namespace vlltr::node
