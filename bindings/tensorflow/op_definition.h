#pragma once

#include <string>
#include <vector>

#include "tensorflow/graph_api.h"

namespace vlltr::tensorflow {

/** An input argument of an op: one tensor, or a list whose length (or types) an attribute gives. */
struct OpArgument {
  std::string name;
  std::string numberAttribute;    // of a list of equal type, else empty
  std::string typeListAttribute;  // of a list of any types, else empty
};

/** What TensorFlow says of an op (its OpDef), as far as building a node needs it. */
struct OpInfo {
  std::vector<OpArgument> inputs;
  bool stateful = false;

  /** Whether an attribute follows from a list of inputs, so that it must not be set beside it. */
  bool inferred(const std::string& attribute) const;
};

/** The definition of an op, whether TensorFlow's own or registered at run time. kInvalidArgument for an
 * unknown op. */
Status opInfo(TF_Graph* graph, const std::string& op, OpInfo* info);

/** Reads a serialised OpDef (tensorflow/core/framework/op_def.proto). For `opInfo` and its test. */
Status parseOpInfo(const void* data, size_t length, OpInfo* info);

}  // namespace vlltr::tensorflow
