#include "vlltr/layer_norm.h"

#include <exception>

#include "tensorflow/kernel.h"
#include "tensorflow/register.h"

namespace vlltr::tensorflow {
namespace {

struct Settings {
  float epsilon;
};

void* create(TF_OpKernelConstruction* construction) {
  TfStatus status;
  float epsilon = 0;
  api().OpKernelConstruction_GetAttrFloat(construction, "epsilon", &epsilon, status);
  if (!status.ok()) {
    api().OpKernelConstruction_Failure(construction, status);
    return nullptr;
  }
  return new Settings{epsilon};
}

void destroy(void* settings) { delete static_cast<Settings*>(settings); }

/** x is [..., D]: the shape of mean and rstd is its leading part, D that of gamma. */
Status split(const Shape& x, Shape* leading, Shape* last) {
  if (x.empty()) return invalidArgument("x is a scalar, expected at least 1 axis");
  leading->assign(x.begin(), x.end() - 1);
  last->assign(1, x.back());
  return Status();
}

void forward(void* settings, TF_OpKernelContext* context) {
  guarded(context, Place::kProcessor, [&](KernelCall& kernel) -> Status {
    LayerNormForward call;
    call.epsilon = static_cast<Settings*>(settings)->epsilon;
    Shape shape, leading, last;
    VLLTR_RETURN_IF_ERROR(kernel.input(0, &call.x, &shape));
    VLLTR_RETURN_IF_ERROR(split(shape, &leading, &last));
    VLLTR_RETURN_IF_ERROR(kernel.input(1, "gamma", last, &call.gamma));
    VLLTR_RETURN_IF_ERROR(kernel.input(2, "beta", last, &call.beta));
    call.rows = elements(leading);
    call.width = last[0];
    VLLTR_RETURN_IF_ERROR(kernel.output(0, shape, &call.y));
    VLLTR_RETURN_IF_ERROR(kernel.output(1, leading, &call.mean));
    VLLTR_RETURN_IF_ERROR(kernel.output(2, leading, &call.rstd));
    return layerNorm(call);
  });
}

void backward(void*, TF_OpKernelContext* context) {
  guarded(context, Place::kProcessor, [&](KernelCall& kernel) -> Status {
    LayerNormBackward call;
    Shape shape, leading, last;
    VLLTR_RETURN_IF_ERROR(kernel.input(1, &call.x, &shape));
    VLLTR_RETURN_IF_ERROR(split(shape, &leading, &last));
    VLLTR_RETURN_IF_ERROR(kernel.input(0, "dy", shape, &call.dy));
    VLLTR_RETURN_IF_ERROR(kernel.input(2, "gamma", last, &call.gamma));
    VLLTR_RETURN_IF_ERROR(kernel.input(3, "mean", leading, &call.mean));
    VLLTR_RETURN_IF_ERROR(kernel.input(4, "rstd", leading, &call.rstd));
    call.rows = elements(leading);
    call.width = last[0];
    VLLTR_RETURN_IF_ERROR(kernel.output(0, shape, &call.dx));
    VLLTR_RETURN_IF_ERROR(kernel.output(1, last, &call.dgamma));
    VLLTR_RETURN_IF_ERROR(kernel.output(2, last, &call.dbeta));
    return layerNorm(call);
  });
}

void forwardShapes(TF_ShapeInferenceContext* context, TF_Status* status) {
  ShapeCall shapes(context, status);
  TF_ShapeHandle* x = shapes.withRankAtLeast(shapes.input(0), 1);
  shapes.withRank(shapes.input(1), 1);
  shapes.withRank(shapes.input(2), 1);
  TF_ShapeHandle* leading = shapes.slice(x, 0, -1);
  shapes.output(0, x);
  shapes.output(1, leading);
  shapes.output(2, leading);
}

void backwardShapes(TF_ShapeInferenceContext* context, TF_Status* status) {
  ShapeCall shapes(context, status);
  TF_ShapeHandle* x = shapes.withRankAtLeast(shapes.input(1), 1);
  TF_ShapeHandle* gamma = shapes.withRank(shapes.input(2), 1);
  shapes.output(0, x);
  shapes.output(1, gamma);
  shapes.output(2, gamma);
}

}  // namespace

std::vector<OpDefinition> layerNormOps() {
  return {
      {"VlltrLayerNorm",
       {"epsilon: float = 0.00001"},
       {"x: float", "gamma: float", "beta: float"},
       {"y: float", "mean: float", "rstd: float"},
       forwardShapes,
       {{Place::kProcessor, create, forward, destroy}}},
      {"VlltrLayerNormGrad",
       {},
       {"dy: float", "x: float", "gamma: float", "mean: float", "rstd: float"},
       {"dx: float", "dgamma: float", "dbeta: float"},
       backwardShapes,
       {{Place::kProcessor, nullptr, backward, nullptr}}},
  };
}

}  // namespace vlltr::tensorflow
