#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tensorflow/function.h"
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

/** The graph of a function while it grows: its values by number. */
class GraphBuilder {
 public:
  explicit GraphBuilder(const FunctionDefinition& definition) : definition_(definition) {}

  /** Adds everything that the definition holds. */
  Status build();
  /** The function of that name. `build()` has succeeded. */
  Status close(const std::string& name, FunctionPointer* function) const;
  /** TF_DataType of each result. */
  std::vector<int> resultTypes() const;

 private:
  Status addArgument(const TensorType& type);
  Status addConstant(const ConstantTensor& constant);
  Status addOp(const FunctionOp& op);
  Status infoOf(const FunctionOp& op, const OpInfo** info);
  TF_OperationDescription* begin(const char* op, const char* kind);
  Status finish(TF_OperationDescription* node, const std::string& what, int outputs);
  TF_Output value(int number) const { return values_[static_cast<size_t>(number)]; }

  const FunctionDefinition& definition_;
  GraphPointer graph_{graphApi().TF_NewGraph()};
  std::vector<TF_Output> values_;
  std::map<std::string, OpInfo> infos_;
};

/** Closes a graph into a function. */
Status toFunction(TF_Graph* graph, const std::string& name, const std::vector<TF_Output>& arguments,
                  const std::vector<TF_Output>& results, FunctionPointer* function);

}  // namespace vlltr::tensorflow
