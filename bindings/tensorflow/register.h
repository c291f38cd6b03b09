#pragma once

#include <string>
#include <vector>

#include "tensorflow/api.h"
#include "vlltr/status.h"

namespace vlltr::tensorflow {

/** The kernel of an op on one device ("CPU"; "GPU" is CUDA's place). */
struct KernelDefinition {
  const char* device;
  void* (*create)(TF_OpKernelConstruction*);
  void (*compute)(void*, TF_OpKernelContext*);
  void (*destroy)(void*);
};

/** An op as TensorFlow is told of it; specifications in the syntax of tensorflow/c/ops.h. */
struct OpDefinition {
  const char* name;
  std::vector<const char*> attributes, inputs, outputs;
  void (*inferShapes)(TF_ShapeInferenceContext*, TF_Status*);
  std::vector<KernelDefinition> kernels;
};

// One file an op.
std::vector<OpDefinition> adamwOps();
std::vector<OpDefinition> anchorAttentionOps();
std::vector<OpDefinition> contrastiveOps();
std::vector<OpDefinition> layerNormOps();

struct Registration {
  std::string version;           // TensorFlow's
  std::vector<std::string> ops;  // that can be called now
};

/**
 * Registers the ops of this addon in the process's TensorFlow, each once a process: an op that has kernels
 * already, from this copy of the addon or another one, is left as it is. kUnavailable without TensorFlow.
 */
Status registerOps(Registration* registration);

}  // namespace vlltr::tensorflow
