#pragma once

#include <napi.h>

#include "tensorflow/function_graph.h"

namespace vlltr::node {

/** The graph of that number in its environment; a JavaScript error where there is none. */
tensorflow::FunctionGraph& functionGraph(const Napi::Value& number);

}  // namespace vlltr::node
