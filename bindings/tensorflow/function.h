#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tensorflow/graph_api.h"

namespace vlltr::tensorflow {

/** An attribute of an op; `type` is a TF_AttrType. Numbers, booleans, types and shapes are in `ints`. */
struct OpAttribute {
  std::string name;
  int type = kInt;
  bool list = false;
  std::string text;
  std::vector<int64_t> ints;
  std::vector<float> floats;
};

/** A tensor's type (TF_DataType) and shape. */
struct TensorType {
  int dtype = 0;
  std::vector<int64_t> shape;
};

/** A tensor that is the same in every call. `data` belongs to the caller. */
struct ConstantTensor {
  TensorType type;
  const void* data = nullptr;
  size_t bytes = 0;
};

/** One op of a function. Inputs are numbers of values: arguments first, then constants, then outputs of ops
 * in order. */
struct FunctionOp {
  std::string name;  // of the node, unique; TensorFlow's errors at run time mention it
  std::string op;
  std::vector<OpAttribute> attributes;
  std::vector<int> inputs;
  int outputs = 1;
};

struct FunctionDefinition {
  std::string name;
  std::vector<TensorType> arguments;
  std::vector<ConstantTensor> constants;
  std::vector<FunctionOp> ops;
  std::vector<int> results;  // numbers of values
  bool compile = false;      // by XLA
  std::string config;        // a serialised ConfigProto for its optimisation; empty: TensorFlow's defaults
};

/**
 * Makes a TensorFlow function of a list of ops and adds it to a context, where it can be called by name as an
 * op. kInvalidArgument, naming the op, for one that a function cannot take: unknown, with a state of its own,
 * or refused by TensorFlow's shape inference.
 */
Status defineFunction(TFE_Context* context, const FunctionDefinition& definition);

/** Removes a function from its context. */
Status removeFunction(TFE_Context* context, const std::string& name);

/**
 * The context of the calling environment's TensorFlow.js binding (bindings/tfjs-node), found by the binding's
 * path. kUnavailable where the binding is not loaded or was built without it.
 */
Status bindingContext(const std::string& binding, TFE_Context** context);

}  // namespace vlltr::tensorflow
