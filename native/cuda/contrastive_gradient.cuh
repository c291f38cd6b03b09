#pragma once

#include <cuda_runtime.h>

#include "cuda/contrastive_difference.cuh"
#include "cuda/contrastive_similarity.cuh"

/** The kernels of the backward pass: a block of dS, and what it adds to the features' gradients. */
namespace vlltr::cuda {

struct DifferenceCall {
  Similarities similarities;  // kept ones are read where there are any
  DifferenceBlock block;
};
cudaError_t formDifference(cudaStream_t stream, const DifferenceCall& call, bool teacher, bool wideShared);

/** images [rows, width] (+)= factor dS texts, texts [columns, width] (+)= factor dS^T images, in one launch.
 */
struct FeatureGradients {
  Product image;  // dS by rows, texts
  Product text;   // dS by columns, images
  const float* factor = nullptr;
  float *dimage = nullptr, *dtext = nullptr;
  bool addImage = false, addText = false;
};
cudaError_t addFeatureGradients(cudaStream_t stream, const FeatureGradients& call);

}  // namespace vlltr::cuda
