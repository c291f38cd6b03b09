#pragma once

#include "cuda/anchor_attend.cuh"
#include "cuda/anchor_class.cuh"

/** All that follows from the scores of 16 images and a class that a warp has in its registers. */
namespace vlltr::cuda {

/** A class, and the images of a thread's two lines; of one that is not there, some other. */
struct ClassLines {
  int64_t c, row;  // row: of its first anchor
  int anchors;     // at least one
  int64_t images[2];
  bool there[2];
};

/** One image's line of the weights and of its contributions; `half` of the thread's lines. */
__device__ __forceinline__ void explain(const AttendCall& call, int64_t pair, int half, float inverse,
                                        const ClassFragments& a, const ClassFragments& h) {
  float *const weights = call.weights + pair * call.perClass, *const contributions =
                                                                  call.contributions + pair * call.perClass;
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

/** Writes the logits, and the weights where they are asked for; or what flows back into the scores. Returns
 * this thread's part of the gradient of logitScale. What l and h become is of no use. */
template <bool kGradient, bool kWhole>
__device__ __forceinline__ double attendLines(const Attend& with, const ClassLines& at, const uint4* gram,
                                              ClassFragments& l, ClassFragments& h) {
  const AttendCall& call = with.call;
  const bool first = threadIdx.x % 4 == 0;
  ClassFragments product;
  weigh(l, at.anchors);
  multiplyGram<kWhole>(l, gram, product);
  const ClassLengths is = measure<kWhole>(l, h, product);
  const int64_t pair[2] = {at.images[0] * call.classes + at.c, at.images[1] * call.classes + at.c};
  double terms = 0;
  if constexpr (kGradient) {
    const AnchorScores& to = call.scores;
    const float upstream[2] = {*call.scale * call.dlogits[pair[0]], *call.scale * call.dlogits[pair[1]]};
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      if (!at.there[half] || !first) continue;
      terms += static_cast<double>(upstream[half]) * (is.along[half] * is.inverse[half]);
    }
    differentiate(l, AttentionSlope(upstream[0], is.along[0], is.inverse[0], call.detachNorm),
                  AttentionSlope(upstream[1], is.along[1], is.inverse[1], call.detachNorm),
                  with.keyScale + at.row, at.anchors, h, product);
    const int64_t column = at.row - call.chunk.firstRow;
    const auto store = [&](int64_t line, const ClassFragments& from) {
      uint16_t* const begin = to.gradient + line * to.stride + column;
      uint16_t* const lines[2] = {at.there[0] ? begin + at.images[0] * to.stride : nullptr,
                                  at.there[1] ? begin + at.images[1] * to.stride : nullptr};
      storeLines(lines, to.gradientLow, at.anchors, static_cast<int>(column % 8), from);
      if (to.sums == nullptr) return;
      const float2 sums = sumLines(from);
      if (!first) return;
      uint16_t* const sumsTo = to.sums + line * to.classStride + at.c - call.chunk.firstClass;
      if (at.there[0]) put(sumsTo + at.images[0] * to.classStride, to.sumsLow, sums.x);
      if (at.there[1]) put(sumsTo + at.images[1] * to.classStride, to.sumsLow, sums.y);
    };
    store(0, product);
    store(call.batch, h);
  } else {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      if (!at.there[half]) continue;
      if (first) call.logits[pair[half]] = *call.scale * (is.along[half] * is.inverse[half]);
      if (call.weights != nullptr) explain(call, pair[half], half, is.inverse[half], l, h);
    }
  }
  return terms;
}

}  // namespace vlltr::cuda
