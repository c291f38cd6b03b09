#include "cuda/contrastive_prepare.cuh"
#include "cuda/launch.cuh"

namespace vlltr::cuda {
namespace {

// A block counts for kRows rows, each by kLanes threads, which see the labels of the columns a batch at a
// time.
constexpr int kRows = 32, kLanes = 8, kThreads = kRows * kLanes, kBatch = 4096;

__global__ void __launch_bounds__(kThreads)
    prepare(const ContrastiveInputs inputs, const float* dloss, ContrastiveScalars* scalars, float* weights) {
  __shared__ int32_t labels[kBatch];
  if (blockIdx.x == 0 && threadIdx.x == 0) {
    const double scale = exp(static_cast<double>(*inputs.student.logitScale));
    const double teacher =
        inputs.teacher.width > 0 ? exp(static_cast<double>(*inputs.teacher.logitScale)) : 0.0;
    const double gradient =
        dloss == nullptr ? 0.0 : static_cast<double>(*dloss) / (2.0 * static_cast<double>(inputs.columns));
    *scalars = {static_cast<float>(scale), static_cast<float>(teacher), static_cast<float>(gradient),
                static_cast<float>(gradient * static_cast<float>(scale))};
  }
  const int64_t row = static_cast<int64_t>(blockIdx.x) * kRows + threadIdx.x / kLanes;
  const int lane = threadIdx.x % kLanes;
  const int32_t label = row < inputs.rows ? inputs.rowLabels[row] : 0;
  int count = 0;
  for (int64_t first = 0; first < inputs.columns; first += kBatch) {
    const int here = static_cast<int>(inputs.columns - first < kBatch ? inputs.columns - first : kBatch);
    __syncthreads();
    for (int i = threadIdx.x; i < here; i += kThreads) labels[i] = inputs.columnLabels[first + i];
    __syncthreads();
#pragma unroll 8
    for (int i = lane; i < here; i += kLanes) count += labels[i] == label;
  }
#pragma unroll
  for (int step = 1; step < kLanes; step *= 2) count += __shfl_xor_sync(~0u, count, step);
  if (lane == 0 && row < inputs.rows) weights[row] = 1.f / static_cast<float>(count > 0 ? count : 1);
}

}  // namespace

cudaError_t prepareContrastive(cudaStream_t stream, const ContrastiveInputs& inputs, const float* dloss,
                               ContrastiveScalars* scalars, float* weights) {
  const auto blocks = static_cast<unsigned>((inputs.rows + kRows - 1) / kRows);
  return launch(stream, prepare, blocks, kThreads, 0, inputs, dloss, scalars, weights);
}

cudaError_t hasWideShared(int ordinal, bool* wide) {
  int bytes = 0;
  const cudaError_t error = cudaDeviceGetAttribute(&bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, ordinal);
  *wide = bytes >= kSimilarityBytes<SimilarityShape<3>, true>;
  return error;
}

}  // namespace vlltr::cuda
