#pragma once

#include <cuda_runtime.h>

#include "cuda/contrastive_similarity.cuh"
#include "vlltr/contrastive.h"

namespace vlltr::cuda {

/** Of a call's inputs: `scalars`, and weights [rows] = 1 / n(y). `dloss` may be null. */
cudaError_t prepareContrastive(cudaStream_t stream, const ContrastiveInputs& inputs, const float* dloss,
                               ContrastiveScalars* scalars, float* weights);

/** Whether a block can have the shared memory of three stages beside the teacher's tile. */
cudaError_t hasWideShared(int ordinal, bool* wide);

}  // namespace vlltr::cuda
