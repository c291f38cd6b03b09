#pragma once

#include "cuda/anchor_attend.cuh"
#include "cuda/anchor_class.cuh"

/** All that follows from the scores of 16 images and a class that a warp has in its registers. */
namespace vlltr::cuda {

/** A class, and the images of a thread's two lines; of one that is not there, some other. */
struct ClassLines {
  int c, row;   // row: of its first anchor
  int anchors;  // at least one
  int column;   // the thread's first
  int images[2];
  bool there[2];
};

/** One image's line of the weights, and of its contributions but for a factor; `half` of the thread's lines.
 */
__device__ __forceinline__ void explain(const AttendCall& call, const ClassLines& at, int half, float ofMean,
                                        const ClassFragments& a, const ClassFragments& h) {
  const int64_t line = (at.images[half] * call.classes + at.c) * call.perClass;
  float *const weights = call.weights + line, *const contributions = call.contributions + line;
#pragma unroll
  for (int j = 0; j < kClassFragments; ++j) {
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      const int m = at.column + classColumn(j, i);
      const float weight = half == 0 ? a[j][i] : a[j][i + 2], score = half == 0 ? h[j][i] : h[j][i + 2];
      if (m >= call.perClass) continue;
      weights[m] = weight;
      contributions[m] = weight * (score + ofMean);
    }
  }
  for (int64_t m = kClassAnchors + at.column / 2; m < call.perClass; m += 4)
    weights[m] = contributions[m] = 0;
}

/** The factor, by the thread that wrote the rest: till the norm is known the scores need not be kept. */
__device__ __forceinline__ void finishExplaining(const AttendCall& call, const ClassLines& at, int half,
                                                 float factor) {
  float* const line = call.contributions + (at.images[half] * call.classes + at.c) * call.perClass;
#pragma unroll 1
  for (int m = at.column; m < min(int64_t{kClassAnchors}, call.perClass); m += 8) {
    line[m] *= factor;
    if (m + 1 < call.perClass) line[m + 1] *= factor;
  }
}

/** Lines of a class without anchors. */
__device__ __forceinline__ void attendToNone(const AttendCall& call, const ClassLines& at) {
  const AnchorScores& to = call.scores;
  const int lane = at.column / 2;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    if (!at.there[half]) continue;
    const int64_t b = at.images[half], pair = b * call.classes + at.c;
    if (call.logits != nullptr && lane == 0) call.logits[pair] = -INFINITY;
    for (int64_t m = lane; call.weights != nullptr && m < call.perClass; m += 4) {
      call.weights[pair * call.perClass + m] = call.contributions[pair * call.perClass + m] = 0;
    }
    if (to.sums == nullptr || lane != 0) continue;
    put(to.sums + b * to.classStride + at.c - call.chunk.firstClass, to.sumsLow, 0);
    put(to.sums + (call.batch + b) * to.classStride + at.c - call.chunk.firstClass, to.sumsLow, 0);
  }
}

/** Writes the logits, and the weights where they are asked for; or what flows back into the scores. Returns
 * this thread's part of the gradient of logitScale. What l and h become is of no use. `gram` from the lane's
 * part on. kNear: it is in shared memory, and h is without the score of the class's mean. */
template <bool kGradient, bool kWhole, bool kNear>
__device__ __forceinline__ double attendLines(const Attend& with, const ClassLines& at, const uint4* gram,
                                              ClassFragments& l, ClassFragments& h) {
  const AttendCall& call = with.call;
  const bool first = at.column == 0;
  const int left = at.anchors - at.column;
  float squares[2] = {}, ofMean[2] = {}, along[2];
  const auto measureAlong = [&] {
    keepOrder();
    if (kNear && call.scores.means != nullptr) {
      const float* const means = call.scores.means + at.c - call.chunk.firstClass;
      ofMean[0] = means[(call.batch + at.images[0]) * call.chunk.classes];
      ofMean[1] = means[(call.batch + at.images[1]) * call.chunk.classes];
    }
    along[0] = lineSum(alongLine(l, h, 0)) + ofMean[0], along[1] = lineSum(alongLine(l, h, 1)) + ofMean[1];
  };
  const auto pair = [&](int half) { return at.images[half] * call.classes + at.c; };
  double terms = 0;
  weigh(l, left);
  if constexpr (kGradient) {
    ClassFragments product;
    multiplyGram<kWhole, kNear>(l, gram, product);
#pragma unroll
    for (int j = 0; j < kClassFragments; ++j) addSquares<kWhole>(l[j], product[j], squares);
    measureAlong();
    const float inverse[2] = {inverseLength(lineSum(squares[0])), inverseLength(lineSum(squares[1]))};
    const AnchorScores& to = call.scores;
    const float upstream[2] = {*call.scale * call.dlogits[pair(0)], *call.scale * call.dlogits[pair(1)]};
    if (first && at.there[0]) terms += static_cast<double>(upstream[0]) * (along[0] * inverse[0]);
    if (first && at.there[1]) terms += static_cast<double>(upstream[1]) * (along[1] * inverse[1]);
    differentiate(l, AttentionSlope(upstream[0], along[0], inverse[0], call.detachNorm),
                  AttentionSlope(upstream[1], along[1], inverse[1], call.detachNorm),
                  with.keyScale + (at.row + at.column), left, h, product);
    const int column = at.row - static_cast<int>(call.chunk.firstRow);
    const auto store = [&](int64_t line, const ClassFragments& from) {
      uint16_t* const begin = to.gradient + line * to.stride + column;
      uint16_t* const lines[2] = {at.there[0] ? begin + at.images[0] * to.stride : nullptr,
                                  at.there[1] ? begin + at.images[1] * to.stride : nullptr};
      // Low parts are of a table that has them, sums of one that is split.
      storeLines(lines, kWhole ? to.gradientLow : 0, at.anchors, at.column / 2, column, from);
      if constexpr (kWhole) return;
      const float2 sums = sumLines(from);
      if (!first) return;
      uint16_t* const sumsTo = to.sums + line * to.classStride + at.c - call.chunk.firstClass;
      if (at.there[0]) put(sumsTo + at.images[0] * to.classStride, to.sumsLow, sums.x);
      if (at.there[1]) put(sumsTo + at.images[1] * to.classStride, to.sumsLow, sums.y);
    };
    store(0, product);
    if constexpr (kNear) keepOrder();
    store(call.batch, h);
  } else {
    measureAlong();  // after which the scores need not be kept
    if (call.weights != nullptr) {
      if (at.there[0]) explain(call, at, 0, ofMean[0], l, h);
      if (at.there[1]) explain(call, at, 1, ofMean[1], l, h);
    }
    squareByGram<kNear>(l, gram, squares);
    const float inverse[2] = {inverseLength(lineSum(squares[0])), inverseLength(lineSum(squares[1]))};
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      if (!at.there[half]) continue;
      if (first) call.logits[pair(half)] = *call.scale * (along[half] * inverse[half]);
      if (call.weights != nullptr) finishExplaining(call, at, half, *call.scale * inverse[half]);
    }
  }
  return terms;
}

}  // namespace vlltr::cuda
