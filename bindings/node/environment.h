#pragma once

#include <napi.h>

#include <cstdint>
#include <map>
#include <memory>
#include <set>

#include "anchor_tables.h"
#include "tensorflow/function_graph.h"
#include "vlltr/device.h"

namespace vlltr::node {

/** What belongs to one JavaScript environment (the main thread or a worker); goes with it. */
struct Environment {
  Environment() = default;
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

  int64_t calls = 0;               // of kernels
  std::shared_ptr<Device> device;  // where they run, or null: the CPU
  bool later = false;              // whether the call in progress came through `later`
  std::map<int, tensorflow::FunctionGraph> graphs;
  int lastGraph = 0;
  std::set<int32_t> anchorTables;  // made here

  ~Environment() {
    for (const int32_t number : anchorTables) removeAnchorTable(number);
  }

  static Environment& of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }
};

}  // namespace vlltr::node
