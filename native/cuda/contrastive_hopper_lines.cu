#include <algorithm>

#include "cuda/contrastive_hopper_lines.cuh"
#include "cuda/contrastive_math.h"
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

__global__ void __launch_bounds__(kHopperLines)
    lay(const __grid_constant__ HopperLinesCall rows, const __grid_constant__ HopperLinesCall columns) {
  const HopperLinesCall& call = blockIdx.y == 0 ? rows : columns;
  if (blockIdx.x >= hopperLineTiles(call.lines)) return;
  const int64_t line = static_cast<int64_t>(blockIdx.x) * kHopperLines + threadIdx.x;
  const bool there = line < call.lines;
  HopperLineTile& tile = call.tiles[blockIdx.x];
  HopperLine made = {};
  if (there) made.label = call.labels[line], made.weight = call.weights == nullptr ? 0.f : call.weights[line];
  if (call.statistics.lse != nullptr) {
    const float lse = there ? call.statistics.lse[line] * kLog2E : kFar;
    const bool taught = there && call.statistics.teacherLse != nullptr;
    const float teacher = taught ? call.statistics.teacherLse[line] * kLog2E : kFar;
    const float4 range = {blockLeast(lse), -blockLeast(there ? -lse : kFar), blockLeast(teacher),
                          -blockLeast(taught ? -teacher : kFar)};
    if (there) made.factor = exp2Fast(range.x - lse), made.teacherFactor = exp2Fast(range.z - teacher);
    if (threadIdx.x == 0) tile.range = range;
  }
  tile.lines[threadIdx.x] = made;
}

}  // namespace

cudaError_t layHopperLines(cudaStream_t stream, const HopperLinesCall& rows, const HopperLinesCall& columns) {
  const int64_t most = std::max(hopperLineTiles(rows.lines), hopperLineTiles(columns.lines));
  lay<<<dim3(static_cast<unsigned>(most), 2), kHopperLines, 0, stream>>>(rows, columns);
  return cudaGetLastError();
}

}  // namespace vlltr::cuda
