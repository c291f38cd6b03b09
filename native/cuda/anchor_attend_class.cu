#include "cuda/anchor_attend.cuh"
#include "cuda/anchor_class.cuh"
#include "cuda/device.h"

namespace vlltr::cuda {
namespace {

constexpr int kThreads = kClassImages * 2, kLines = 16;  // images a warp

/** A class's columns of a thread's two lines; 0 from `columns` on. `pairs`: they begin at a multiple of 8
 * bytes, and another column may be read. */
__device__ __forceinline__ void loadLines(const float* first, const float* second, int columns, bool pairs,
                                          ClassFragments& to) {
#pragma unroll
  for (int j = 0; j < kClassFragments; ++j) {
    const int column = classColumn(j, 0);
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

/** One image's line of the weights and of its contributions; `half` of the thread's lines. */
__device__ void explain(const AttendCall& call, int64_t pair, int half, float inverse, const ClassFragments& a,
                        const ClassFragments& h) {
  float *const weights = call.weights + pair * call.perClass,
               *const contributions = call.contributions + pair * call.perClass;
#pragma unroll
  for (int j = 0; j < kClassFragments; ++j) {
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      const int m = classColumn(j, i);
      const float weight = half == 0 ? a[j][i] : a[j][i + 2], score = half == 0 ? h[j][i] : h[j][i + 2];
      if (m >= call.perClass) continue;
      weights[m] = weight;
      contributions[m] = *call.scale * (weight * score * inverse);
    }
  }
  for (int64_t m = kClassAnchors + threadIdx.x % 4; m < call.perClass; m += 4) {
    weights[m] = contributions[m] = 0;
  }
}

template <bool kGradient>
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
  int64_t images[2], keyLines[2];
  bool there[2];
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int in = warp * kLines + sumRow(lane, 2 * half);
    there[half] = in < part.images;
    images[half] = part.firstImage + min(in, part.images - 1);
    keyLines[half] = images[half] * to.stride + part.column;
  }
  const int64_t values = call.batch * to.stride;  // from an image's line of l to that of h
  const bool pairs = part.column % 2 == 0;
  ClassFragments a, h, product;
  loadLines(to.scores + keyLines[0], to.scores + keyLines[1], part.anchors, pairs, a);
  loadLines(to.scores + keyLines[0] + values, to.scores + keyLines[1] + values, part.anchors, pairs, h);
  weigh(a, part.anchors);
  multiplyGram(a, reinterpret_cast<const uint4*>(with.gramParts + part.c * kGramHalves), product);
  const ClassLengths is = measure(a, h, product);
  const int64_t pair[2] = {images[0] * call.classes + part.c, images[1] * call.classes + part.c};
  if constexpr (kGradient) {
    const float upstream[2] = {*call.scale * call.dlogits[pair[0]], *call.scale * call.dlogits[pair[1]]};
    double terms = 0;
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      if (!there[half] || lane % 4 != 0) continue;
      terms += static_cast<double>(upstream[half]) * (is.along[half] * is.inverse[half]);
    }
    differentiate(a, AttentionSlope(upstream[0], is.along[0], is.inverse[0], call.detachNorm),
                  AttentionSlope(upstream[1], is.along[1], is.inverse[1], call.detachNorm),
                  with.keyScale + part.row, part.anchors, h, product);
    const auto store = [&](int64_t by, int64_t sumsBy, const ClassFragments& from) {
      uint16_t* const lines[2] = {there[0] ? to.gradient + keyLines[0] + by : nullptr,
                                  there[1] ? to.gradient + keyLines[1] + by : nullptr};
      storeLines(lines, to.gradientLow, part.anchors, pairs, from);
      if (to.sums == nullptr) return;
      const float2 sums = sumLines(from);
      if (lane % 4 != 0) return;
      uint16_t* const at = to.sums + sumsBy + part.c - call.chunk.firstClass;
      if (there[0]) put(at + images[0] * to.classStride, to.sumsLow, sums.x);
      if (there[1]) put(at + images[1] * to.classStride, to.sumsLow, sums.y);
    };
    store(0, 0, product);
    store(values, call.batch * to.classStride, h);
    terms = blockSum<kThreads>(terms);
    if (threadIdx.x == 0) call.scaleTerms[part.c * gridDim.y + blockIdx.y] = terms;
  } else {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      if (!there[half]) continue;
      if (lane % 4 == 0) call.logits[pair[half]] = *call.scale * (is.along[half] * is.inverse[half]);
      if (call.weights != nullptr) explain(call, pair[half], half, is.inverse[half], a, h);
    }
  }
}

}  // namespace

Status attendByClass(cudaStream_t stream, const AttendCall& call) {
  const Attend with(call);
  const auto tiles = static_cast<unsigned>((call.batch + kClassImages - 1) / kClassImages);
  const dim3 grid(static_cast<unsigned>(call.chunk.classes), tiles);
  if (call.dlogits != nullptr) {
    attendClass<true><<<grid, kThreads, 0, stream>>>(with);
  } else {
    attendClass<false><<<grid, kThreads, 0, stream>>>(with);
  }
  return check(cudaGetLastError(), "attending by class");
}

}  // namespace vlltr::cuda
