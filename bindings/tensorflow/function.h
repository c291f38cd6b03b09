#pragma once

#include <string>
#include <vector>

#include "tensorflow/function_graph.h"

namespace vlltr::tensorflow {

/** What a function is made of besides its graph. */
struct FunctionDefinition {
  std::string name;
  std::vector<int> results;  // numbers of the graph's values
  bool compile = false;      // by XLA
  std::string config;        // a serialised ConfigProto for its optimisation; empty: TensorFlow's defaults
};

/**
 * Makes a TensorFlow function of a graph and adds it to a context, where it can be called by name as an op.
 */
Status defineFunction(TFE_Context* context, const FunctionGraph& graph, const FunctionDefinition& definition);

/** Removes a function from its context. */
Status removeFunction(TFE_Context* context, const std::string& name);

/**
 * The context of the calling environment's TensorFlow.js binding (bindings/tfjs-node), found by the binding's
 * path. kUnavailable where the binding is not loaded or was built without it.
 */
Status bindingContext(const std::string& binding, TFE_Context** context);

}  // namespace vlltr::tensorflow
