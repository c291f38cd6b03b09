#include <algorithm>

#include "cuda/anchor_attend.cuh"
#include "cuda/anchor_math.h"
#include "cuda/device.h"
#include "cuda/gemm.cuh"
#include "cuda/launch.cuh"

namespace vlltr::cuda {
namespace {

constexpr int kThreads = 256, kWarps = kThreads / kWarp, kSumThreads = 1024;
// Images of a block: fewer where classes have so many anchors that shared memory would not hold them.
constexpr int kFewAnchors = 256, kManyImages = 16, kFewImages = 8;

/** The weights of one image into `a` (every kStride-th number), by a warp. */
template <int kStride>
__device__ void softmax(const float* l, int anchors, float* a) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  float most = -INFINITY, total = 0;
  for (int m = lane; m < anchors; m += kWarp) most = fmaxf(most, l[m]);
  most = warpMost(most);
  for (int m = lane; m < anchors; m += kWarp) {
    const float e = expf(l[m] - most);
    a[m * kStride] = e;
    total += e;
  }
  const float share = 1 / warpSum(total);
  for (int m = lane; m < anchors; m += kWarp) a[m * kStride] *= share;
}

/** K a of all images of the tile: a thread some anchors and a quarter of the images. */
template <int kImages, int kStride>
__device__ void multiplyGram(const float* gram, int anchors, const float* a, float* product) {
  constexpr int kGroups = 4, kEach = kImages / kGroups, kAcross = kThreads / kGroups;
  struct alignas(4 * kEach) Some {
    float of[kEach];
  };
  const int images = static_cast<int>(threadIdx.x) / kAcross * kEach;
  for (int m = static_cast<int>(threadIdx.x) % kAcross; m < anchors; m += kAcross) {
    Some sums{};
#pragma unroll 4
    for (int j = 0; j < anchors; ++j) {
      const float k = gram[static_cast<int64_t>(j) * anchors + m];  // symmetric
      const Some weights = *reinterpret_cast<const Some*>(a + j * kStride + images);
#pragma unroll
      for (int i = 0; i < kEach; ++i) sums.of[i] += k * weights.of[i];
    }
    *reinterpret_cast<Some*>(product + m * kStride + images) = sums;
  }
}

/** What flows back into the scores of one image, by a warp. */
template <int kStride>
__device__ void differentiate(const Attend& with, const AttendPart& part, int64_t b,
                              const AttentionSlope& slope, const float* a, const float* product) {
  const AnchorScores& to = with.call.scores;
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int64_t keyLine = b * to.stride + part.column, valueLine = keyLine + with.call.batch * to.stride;
  const float* h = to.scores + valueLine;
  float mean = 0;
  for (int m = lane; m < part.anchors; m += kWarp) {
    mean += a[m * kStride] * slope.weight(h[m], product[m * kStride]);
  }
  mean = warpSum(mean);
  float keys = 0, values = 0;
  for (int m = lane; m < part.anchors; m += kWarp) {
    const float weight = a[m * kStride], da = slope.weight(h[m], product[m * kStride]);
    const float key = slope.score(weight, da, mean) * with.keyScale[part.row + m],
                value = slope.value(weight);
    put(to.gradient + keyLine + m, to.gradientLow, key);
    put(to.gradient + valueLine + m, to.gradientLow, value);
    keys += key;
    values += value;
  }
  if (to.sums == nullptr) return;
  keys = warpSum(keys), values = warpSum(values);
  if (lane != 0) return;
  uint16_t* sums = to.sums + b * to.classStride + part.c - with.call.chunk.firstClass;
  put(sums, to.sumsLow, keys);
  put(sums + with.call.batch * to.classStride, to.sumsLow, values);
}

/** A block one class and kImages images. */
template <int kImages, bool kGradient>
__global__ void __launch_bounds__(kThreads) attendKernel(const __grid_constant__ Attend with) {
  // Rows of images, an anchor each; the padding spreads a warp's anchors over the banks.
  constexpr int kStride = kImages + 4;
  VLLTR_DYNAMIC_SHARED(float, shared, __align__(16));
  float *const a = shared, *const product = shared + with.classRows * kStride;
  const AttendCall& call = with.call;
  const AttendPart part(with, kImages);
  const int lane = static_cast<int>(threadIdx.x) % kWarp, warp = static_cast<int>(threadIdx.x) / kWarp;
  if (kGradient && blockIdx.x == gridDim.x - 1) clearEnds<kThreads>(with, part);
  if (part.anchors == 0) attendToNone<kThreads>(with, part);

  for (int i = warp; i < kImages && part.anchors > 0; i += kWarps) {
    if (i < part.images) {
      const int64_t line = (part.firstImage + i) * call.scores.stride + part.column;
      softmax<kStride>(call.scores.scores + line, part.anchors, a + i);
    } else {
      for (int m = lane; m < part.anchors; m += kWarp) a[m * kStride + i] = 0;
    }
  }
  __syncthreads();
  if (part.anchors > 0) {
    multiplyGram<kImages, kStride>(with.gram + with.gramAt[part.c], part.anchors, a, product);
  }
  __syncthreads();

  double terms = 0;
  for (int i = warp; i < part.images; i += kWarps) {
    const int64_t b = part.firstImage + i, pair = b * call.classes + part.c;
    const float* h = call.scores.scores + (call.batch + b) * call.scores.stride + part.column;
    float square = 0, along = 0;
    for (int m = lane; m < part.anchors; m += kWarp) {
      const float weight = a[m * kStride + i];
      square += weight * product[m * kStride + i];
      along += weight * h[m];
    }
    const float inverse = inverseLength(warpSum(square));
    along = warpSum(along);
    if constexpr (kGradient) {
      if (part.anchors == 0) continue;
      const float upstream = *call.scale * call.dlogits[pair];
      terms += static_cast<double>(upstream) * (along * inverse);
      differentiate<kStride>(with, part, b, AttentionSlope(upstream, along, inverse, call.detachNorm), a + i,
                             product + i);
    } else {
      if (lane == 0 && part.anchors > 0) call.logits[pair] = *call.scale * (along * inverse);
      if (call.weights == nullptr) continue;
      for (int64_t m = lane; m < call.perClass; m += kWarp) {
        const float weight = m < part.anchors ? a[m * kStride + i] : 0;
        call.weights[pair * call.perClass + m] = weight;
        call.contributions[pair * call.perClass + m] =
            m < part.anchors ? *call.scale * (weight * h[m] * inverse) : 0;
      }
    }
  }
  if constexpr (kGradient) {
    const double total = blockSum<kThreads>(lane == 0 ? terms : 0);
    if (threadIdx.x == 0 && part.anchors > 0) call.scaleTerms[part.c * gridDim.y + blockIdx.y] = total;
  }
}

__global__ void __launch_bounds__(kSumThreads) sumKernel(const double* terms, int64_t count, float* sum) {
  constexpr int kAtOnce = 8;
  double mine = 0;
  for (int64_t first = threadIdx.x; first < count; first += kAtOnce * kSumThreads) {
    double some[kAtOnce];
#pragma unroll
    for (int k = 0; k < kAtOnce; ++k) {
      const int64_t i = first + k * kSumThreads;
      some[k] = i < count ? terms[i] : 0;
    }
#pragma unroll
    for (int k = 0; k < kAtOnce; ++k) mine += some[k];
  }
  const double total = blockSum<kSumThreads>(mine);
  if (threadIdx.x == 0) *sum = static_cast<float>(total);
}

template <int kImages, bool kGradient>
Status attendSome(cudaStream_t stream, const Attend& with) {
  const auto tiles = static_cast<unsigned>((with.call.batch + kImages - 1) / kImages);
  const int bytes = 2 * with.classRows * (kImages + 4) * 4;
  auto* const kernel = attendKernel<kImages, kGradient>;
  VLLTR_RETURN_IF_ERROR(check(allowShared(kernel, bytes), "making room for the attention"));
  const dim3 grid(static_cast<unsigned>(with.call.chunk.classes), tiles);
  return check(launch(stream, kernel, grid, kThreads, bytes, with), "attending");
}

}  // namespace

AnchorScores::AnchorScores(Arena& arena, int64_t batch, int64_t mostRows, int64_t mostClasses, bool split,
                           bool held, bool withGradient)
    : stride(roundUp(mostRows, 32)), classStride(roundUp(mostClasses, 32)) {
  if (held) scores = arena.take<float>(2 * batch * stride);
  if (split) means = arena.take<float>(2 * batch * mostClasses);
  if (!withGradient) return;
  gradientLow = split ? 0 : 2 * batch * stride;
  gradient = arena.take<uint16_t>(2 * batch * stride * (split ? 1 : 2));
  if (!split) return;
  sumsLow = 2 * batch * classStride;
  sums = arena.take<uint16_t>(2 * sumsLow);
}

int64_t attendTiles(int64_t batch, const AnchorTableMemory& table) {
  const int64_t images = table.gramParts != nullptr           ? kClassImages
                         : table.mostClassRows <= kFewAnchors ? kManyImages
                                                              : kFewImages;
  return (batch + images - 1) / images;
}

Status attend(cudaStream_t stream, const AttendCall& call) {
  if (call.table->gramParts != nullptr) return attendByClass(stream, call);
  const Attend with(call);
  const bool few = call.table->mostClassRows <= kFewAnchors;
  if (call.dlogits != nullptr) {
    return few ? attendSome<kManyImages, true>(stream, with) : attendSome<kFewImages, true>(stream, with);
  }
  return few ? attendSome<kManyImages, false>(stream, with) : attendSome<kFewImages, false>(stream, with);
}

Status sumScaleTerms(cudaStream_t stream, const double* terms, int64_t count, float* sum) {
  return check(launch(stream, sumKernel, 1, kSumThreads, 0, terms, count, sum),
               "summing the gradient of logitScale");
}

}  // namespace vlltr::cuda
