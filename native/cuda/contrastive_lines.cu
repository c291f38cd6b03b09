#include <algorithm>

#include "cuda/contrastive_lines.cuh"
#include "cuda/launch.cuh"
#include "cuda/reduce.cuh"

namespace vlltr::cuda {
namespace {

// A block has 32 lines; each is gone through by as many threads as the block has warps.
constexpr int kLines = 32, kSlices = 8;

__device__ __forceinline__ Partial load(const float* from, int64_t plane, bool teacher) {
  Partial part;
  part.most = from[0], part.sum = from[plane];
  if (teacher) {
    part.teacherMost = from[2 * plane], part.teacherSum = from[3 * plane],
    part.teacherProduct = from[4 * plane];
  }
  return part;
}

__device__ __forceinline__ void store(float* to, int64_t plane, bool teacher, const Partial& part) {
  to[0] = part.most, to[plane] = part.sum;
  if (teacher) {
    to[2 * plane] = part.teacherMost, to[3 * plane] = part.teacherSum, to[4 * plane] = part.teacherProduct;
  }
}

__global__ void __launch_bounds__(kLines* kSlices)
    mergeTiles(const __grid_constant__ LineMerge rows, const __grid_constant__ LineMerge columns,
               bool teacher) {
  __shared__ Partial slices[kSlices][kLines];
  const LineMerge& call = blockIdx.y == 0 ? rows : columns;
  const int slice = threadIdx.x / kLines, in = threadIdx.x % kLines, line = blockIdx.x * kLines + in;
  if (static_cast<int>(blockIdx.x) * kLines >= call.lines) return;
  const int64_t plane = static_cast<int64_t>(call.tiles) * call.stride;
  Partial sum;
  if (line < call.lines) {
#pragma unroll 4
    for (int tile = slice; tile < call.tiles; tile += kSlices) {
      sum = merge(sum, load(call.partials + static_cast<int64_t>(tile) * call.stride + line, plane, teacher));
    }
  }
  slices[slice][in] = sum;
  __syncthreads();
  if (slice != 0 || line >= call.lines) return;
#pragma unroll
  for (int s = 1; s < kSlices; ++s) sum = merge(sum, slices[s][in]);
  if (!call.first) sum = merge(load(call.state + line, call.stateStride, teacher), sum);
  if (!call.last) {
    store(call.state + line, call.stateStride, teacher, sum);
    return;
  }
  call.statistics.lse[line] = logSum(sum.most, sum.sum);
  if (call.statistics.teacherLse == nullptr) return;
  call.statistics.teacherLse[line] = teacher ? logSum(sum.teacherMost, sum.teacherSum) : 0.f;
  call.statistics.teacherMean[line] = teacher ? sum.teacherProduct / sum.teacherSum : 0.f;
}

constexpr int kSumThreads = 512;

__global__ void __launch_bounds__(kSumThreads)
    targets(const float2* tiles, int64_t count, float smoothing, int64_t columns, float* targetSum) {
  double match = 0, all = 0;
  for (int64_t i = threadIdx.x; i < count; i += kSumThreads) {
    const float2 tile = tiles[i];
    match += tile.x, all += tile.y;
  }
  match = blockSum<kSumThreads>(match);
  all = blockSum<kSumThreads>(all);
  if (threadIdx.x != 0) return;
  const double keep = 1.0 - smoothing, smooth = static_cast<double>(smoothing) / static_cast<double>(columns);
  *targetSum = static_cast<float>((keep == 0 ? 0 : keep * match) + (smooth == 0 ? 0 : smooth * all));
}

__global__ void __launch_bounds__(kSumThreads)
    products(const float* parts, int64_t count, const float* factor, float* sum) {
  double total = 0;
  for (int64_t i = threadIdx.x; i < count; i += kSumThreads) total += parts[i];
  total = blockSum<kSumThreads>(total);
  if (threadIdx.x == 0) *sum = static_cast<float>(total * *factor);
}

/** One warp a range. */
__global__ void __launch_bounds__(32)
    range(const __grid_constant__ LineRange rows, const __grid_constant__ LineRange columns, bool teacher) {
  const LineRange& call = blockIdx.y == 0 ? rows : columns;
  const int64_t first = static_cast<int64_t>(blockIdx.x) * kRangeLines;
  if (first >= call.lines) return;
  // Greatest of the negative, greatest.
  float most[4] = {-INFINITY, -INFINITY, -INFINITY, -INFINITY};
  for (int64_t line = first + threadIdx.x; line < first + kRangeLines && line < call.lines; line += 32) {
    const float lse = call.statistics.lse[line] * kLog2E;
    const float teacherLse = teacher ? call.statistics.teacherLse[line] * kLog2E : 0.f;
    most[0] = fmaxf(most[0], -lse), most[1] = fmaxf(most[1], lse);
    most[2] = fmaxf(most[2], -teacherLse), most[3] = fmaxf(most[3], teacherLse);
  }
  for (float& each : most) each = warpMost(each);
  if (threadIdx.x == 0) call.ranges[blockIdx.x] = make_float4(-most[0], most[1], -most[2], most[3]);
}

}  // namespace

cudaError_t mergeLines(cudaStream_t stream, const LineMerge& rows, const LineMerge& columns, bool teacher) {
  const dim3 grid(static_cast<unsigned>((std::max(rows.lines, columns.lines) + kLines - 1) / kLines), 2);
  return launch(stream, mergeTiles, grid, kLines * kSlices, 0, rows, columns, teacher);
}

cudaError_t sumTargets(cudaStream_t stream, const float2* tiles, int64_t count, float smoothing,
                       int64_t columns, float* targetSum) {
  return launch(stream, targets, 1, kSumThreads, 0, tiles, count, smoothing, columns, targetSum);
}

cudaError_t rangeOfLines(cudaStream_t stream, const LineRange& rows, const LineRange& columns, bool teacher) {
  const int64_t most = std::max(rows.lines, columns.lines);
  const dim3 grid(static_cast<unsigned>((most + kRangeLines - 1) / kRangeLines), 2);
  return launch(stream, range, grid, 32, 0, rows, columns, teacher);
}

cudaError_t sumProducts(cudaStream_t stream, const float* parts, int64_t count, const float* factor,
                        float* sum) {
  return launch(stream, products, 1, kSumThreads, 0, parts, count, factor, sum);
}

}  // namespace vlltr::cuda
