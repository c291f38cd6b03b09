#pragma once

#include <map>
#include <string>
#include <vector>

#include "tensorflow/kernel.h"

namespace vlltr::tensorflow {

/** The kernel of an op at one place. */
struct KernelDefinition {
  Place place;
  void* (*create)(TF_OpKernelConstruction*);
  void (*compute)(void*, TF_OpKernelContext*);
  void (*destroy)(void*);
  std::vector<const char*> onHost = {};  // arguments that are in the host's memory though the place is a card
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
  std::string version;  // TensorFlow's
  /** Ops that can be called now, with TensorFlow's names of the devices that they have kernels for. */
  std::map<std::string, std::vector<std::string>> kernels;
};

/**
 * Registers the ops of this addon in the process's TensorFlow, each once a process: an op that has kernels
 * already, from this copy of the addon or another one, is left as it is. Those for a card are registered
 * where this build and TensorFlow have what they need, whether there is a card or not: none is looked for.
 * kUnavailable without TensorFlow.
 */
Status registerOps(Registration* registration);

}  // namespace vlltr::tensorflow
