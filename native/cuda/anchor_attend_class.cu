#include "cuda/anchor_attend.cuh"
#include "cuda/anchor_lines.cuh"
#include "cuda/device.h"
#include "cuda/launch.cuh"

namespace vlltr::cuda {
namespace {

constexpr int kThreads = kClassImages * 2, kLines = 16;  // images a warp

/** A class's columns of a thread's two lines; 0 from `columns` on. `pairs`: they begin at a multiple of 8
 * bytes, and another column may be read. */
__device__ __forceinline__ void loadLines(const float* first, const float* second, int columns, bool pairs,
                                          ClassFragments& to) {
  const int own = sumColumn(static_cast<int>(threadIdx.x) % kWarp, 0);
#pragma unroll
  for (int j = 0; j < kClassFragments; ++j) {
    const int column = own + classColumn(j, 0);
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const float* const from = (half == 0 ? first : second) + column;
      float2 both = {0, 0};
      if (pairs) {
        if (column < columns) both = *reinterpret_cast<const float2*>(from);
        if (column + 1 >= columns) both.y = 0;
      } else {
        if (column < columns) both.x = from[0];
        if (column + 1 < columns) both.y = from[1];
      }
      to[j][2 * half] = both.x, to[j][2 * half + 1] = both.y;
    }
  }
}

template <bool kGradient, bool kWhole>
__global__ void __launch_bounds__(kThreads, 2) attendClass(const __grid_constant__ Attend with) {
  const AttendCall& call = with.call;
  const AnchorScores& to = call.scores;
  const AttendPart part(with, kClassImages);
  if (kGradient && blockIdx.x == gridDim.x - 1) clearEnds<kThreads>(with, part);
  if (part.anchors == 0) {
    attendToNone<kThreads>(with, part);
    return;
  }
  const int lane = static_cast<int>(threadIdx.x) % kWarp, warp = static_cast<int>(threadIdx.x) / kWarp;
  ClassLines at{
      static_cast<int>(part.c), static_cast<int>(part.row), part.anchors, sumColumn(lane, 0), {}, {}};
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int in = warp * kLines + sumRow(lane, 2 * half);
    at.there[half] = in < part.images;
    at.images[half] = static_cast<int>(part.firstImage) + min(in, part.images - 1);
  }
  const float* const from = to.scores + part.column;
  const float *const first = from + at.images[0] * to.stride, *const second = from + at.images[1] * to.stride;
  const int64_t values = call.batch * to.stride;  // from an image's line of l to that of h
  const bool pairs = part.column % 2 == 0;
  ClassFragments l, h;
  loadLines(first, second, part.anchors, pairs, l);
  loadLines(first + values, second + values, part.anchors, pairs, h);
  const auto* gram = reinterpret_cast<const uint4*>(with.gramParts + part.c * kGramHalves) + lane;
  double terms = attendLines<kGradient, kWhole, false>(with, at, gram, l, h);
  if constexpr (kGradient) {
    terms = blockSum<kThreads>(terms);
    if (threadIdx.x == 0) call.scaleTerms[part.c * gridDim.y + blockIdx.y] = terms;
  }
}

}  // namespace

Status attendByClass(cudaStream_t stream, const AttendCall& call) {
  const Attend with(call);
  const auto tiles = static_cast<unsigned>((call.batch + kClassImages - 1) / kClassImages);
  const dim3 grid(static_cast<unsigned>(call.chunk.classes), tiles);
  const auto kernel = call.dlogits == nullptr ? attendClass<false, false>
                      : call.table->split()   ? attendClass<true, false>
                                              : attendClass<true, true>;
  return check(launch(stream, kernel, grid, kThreads, 0, with), "attending by class");
}

}  // namespace vlltr::cuda
