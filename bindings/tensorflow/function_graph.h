#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tensorflow/op_definition.h"

namespace vlltr::tensorflow {

struct GraphDeleter {
  void operator()(TF_Graph* graph) const { graphApi().TF_DeleteGraph(graph); }
};
using GraphPointer = std::unique_ptr<TF_Graph, GraphDeleter>;

struct FunctionDeleter {
  void operator()(TF_Function* function) const { graphApi().TF_DeleteFunction(function); }
};
using FunctionPointer = std::unique_ptr<TF_Function, FunctionDeleter>;

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

/** One op. Inputs are numbers of values. */
struct FunctionOp {
  std::string name;  // of the node, unique; TensorFlow's errors at run time mention it
  std::string op;
  std::vector<OpAttribute> attributes;
  std::vector<int> inputs;
  int outputs = 1;
};

/** What an op will give; without a shape where that depends on values. */
struct OutputType {
  int dtype = 0;
  std::optional<std::vector<int64_t>> shape;
};

/**
 * The graph of a function while it grows. Its values (arguments, constants, outputs of ops) are numbered as
 * they are added; TensorFlow infers their types and shapes, and computes nothing.
 */
class FunctionGraph {
 public:
  /** `findGraphApi()` has succeeded. */
  FunctionGraph() : graph_(graphApi().TF_NewGraph()) {}

  Status addArgument(const TensorType& type);
  Status addConstant(const ConstantTensor& constant);
  /**
   * kInvalidArgument, naming the op, for one that a function cannot take: unknown, with a state of its own,
   * or refused by TensorFlow's shape inference.
   */
  Status addOp(const FunctionOp& op, std::vector<OutputType>* outputs);

  /** The function of that name that takes all arguments and returns `results`. */
  Status close(const std::string& name, const std::vector<int>& results, FunctionPointer* function) const;
  const std::vector<TensorType>& arguments() const { return argumentTypes_; }
  /** TF_DataType of each value. */
  std::vector<int> typesOf(const std::vector<int>& values) const;

 private:
  Status infoOf(const FunctionOp& op, const OpInfo** info);
  TF_OperationDescription* begin(const char* op, const char* kind);
  Status finish(TF_OperationDescription* node, const std::string& what, int outputs);
  Status outputType(TF_Output value, OutputType* type) const;
  bool has(int number) const { return number >= 0 && number < static_cast<int>(values_.size()); }
  TF_Output value(int number) const { return values_[static_cast<size_t>(number)]; }

  GraphPointer graph_;
  std::vector<TF_Output> values_;
  std::vector<TF_Output> arguments_;
  std::vector<TensorType> argumentTypes_;
  std::map<std::string, OpInfo> infos_;
};

/** Closes a graph into a function. */
Status toFunction(TF_Graph* graph, const std::string& name, const std::vector<TF_Output>& arguments,
                  const std::vector<TF_Output>& results, FunctionPointer* function);

}  // namespace vlltr::tensorflow
