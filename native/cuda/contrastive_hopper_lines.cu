#include <algorithm>

#include "cuda/contrastive_hopper_lines.cuh"
#include "cuda/contrastive_math.h"
#include "cuda/launch.cuh"
#include "cuda/mma.cuh"
#include "cuda/reduce.cuh"

namespace vlltr::cuda {
namespace {

constexpr float kFar = -kNothing;

/** The least over a block, for all of its threads. */
__device__ float blockLeast(float value) {
  __shared__ float parts[kHopperLines / kWarp];
  value = -warpMost(-value);
  __syncthreads();
  if (threadIdx.x % kWarp == 0) parts[threadIdx.x / kWarp] = value;
  __syncthreads();
#pragma unroll
  for (const float part : parts) value = fminf(value, part);
  return value;
}

constexpr int kCountThreads = 256;

/** Equal labels of a warp are counted together. */
__global__ void __launch_bounds__(kCountThreads)
    count(const int32_t* labels, int64_t columns, ClassTable classes) {
  const int64_t column = static_cast<int64_t>(blockIdx.x) * kCountThreads + threadIdx.x;
  const unsigned here = __ballot_sync(~0u, column < columns);
  if (column >= columns) return;
  const int32_t label = labels[column];
  const unsigned equal = __match_any_sync(here, label);
  if (threadIdx.x % kWarp == static_cast<unsigned>(__ffs(static_cast<int>(equal)) - 1)) {
    classes.add(label, static_cast<uint32_t>(__popc(equal)));
  }
}

__device__ void writeScalars(const HopperLinesCall& call) {
  const ContrastiveInputs& inputs = call.inputs;
  const double scale = exp(static_cast<double>(*inputs.student.logitScale));
  const double teacher =
      inputs.teacher.width > 0 ? exp(static_cast<double>(*inputs.teacher.logitScale)) : 0.0;
  const double gradient =
      call.dloss == nullptr ? 0.0
                            : static_cast<double>(*call.dloss) / (2.0 * static_cast<double>(inputs.columns));
  *call.scalars = {static_cast<float>(scale), static_cast<float>(teacher), static_cast<float>(gradient),
                   static_cast<float>(gradient * static_cast<float>(scale))};
}

__global__ void __launch_bounds__(kHopperLines) lay(const __grid_constant__ HopperLinesCall call) {
  const bool ofRows = blockIdx.y == 0;
  const int64_t lines = ofRows ? call.inputs.rows : call.inputs.columns;
  if (blockIdx.x >= hopperLineTiles(lines)) return;
  const int in = threadIdx.x;
  if (ofRows && blockIdx.x == 0 && in == 0) writeScalars(call);
  const ContrastiveStatistics& statistics = ofRows ? call.rowStatistics : call.columnStatistics;
  HopperLineTile& tile = (ofRows ? call.rows : call.columns)[blockIdx.x];
  const int64_t line = static_cast<int64_t>(blockIdx.x) * kHopperLines + in;
  const bool there = line < lines;
  const int32_t label = there ? (ofRows ? call.inputs.rowLabels : call.inputs.columnLabels)[line] : 0;
  tile.label[in] = label;
  tile.weight[in] = there && ofRows ? 1.f / static_cast<float>(max(call.classes.find(label), 1u)) : 0.f;
  if (statistics.lse == nullptr) return;
  const float lse = there ? statistics.lse[line] * kLog2E : kFar;
  const bool taught = there && statistics.teacherLse != nullptr;
  const float teacher = taught ? statistics.teacherLse[line] * kLog2E : kFar;
  const float4 range = {blockLeast(lse), -blockLeast(there ? -lse : kFar), blockLeast(teacher),
                        -blockLeast(taught ? -teacher : kFar)};
  tile.factor[in] = there ? exp2Fast(range.x - lse) : 0.f;
  tile.teacherFactor[in] = taught ? exp2Fast(range.z - teacher) : 0.f;
  if (in == 0) tile.range = range;
}

}  // namespace

cudaError_t layHopperLines(cudaStream_t stream, const HopperLinesCall& call) {
  const ContrastiveInputs& inputs = call.inputs;
  const auto blocks = static_cast<unsigned>((inputs.columns + kCountThreads - 1) / kCountThreads);
  const cudaError_t error =
      launch(stream, count, blocks, kCountThreads, 0, inputs.columnLabels, inputs.columns, call.classes);
  if (error != cudaSuccess) return error;
  const int64_t most = std::max(hopperLineTiles(inputs.rows), hopperLineTiles(inputs.columns));
  return launch(stream, lay, dim3(static_cast<unsigned>(most), 2), kHopperLines, 0, call);
}

}  // namespace vlltr::cuda
