#pragma once

#include "cuda/anchor_attend.h"
#include "cuda/bfloat16.h"
#include "cuda/reduce.cuh"

/** What the kernels that attend to the classes of a chunk share. A block has one class and some images. */
namespace vlltr::cuda {

struct Attend {
  AttendCall call;
  const int32_t* firstRow;
  const float* keyScale;
  const float* gram;
  const int64_t* gramAt;
  const uint16_t* gramParts;
  int classRows;  // the most

  explicit Attend(const AttendCall& from)
      : call(from),
        firstRow(from.table->firstRow),
        keyScale(from.table->keyScale),
        gram(from.table->gram),
        gramAt(from.table->gramAt),
        gramParts(from.table->gramParts),
        classRows(static_cast<int>(from.table->mostClassRows)) {}
};

struct AttendPart {
  int64_t c, row, column;  // class, its first anchor in the table and in the chunk
  int anchors;
  int64_t firstImage;
  int images;

  __device__ AttendPart(const Attend& with, int tileImages) {
    c = with.call.chunk.firstClass + blockIdx.x;
    row = with.firstRow[c];
    anchors = with.firstRow[c + 1] - static_cast<int>(row);
    column = row - with.call.chunk.firstRow;
    firstImage = static_cast<int64_t>(blockIdx.y) * tileImages;
    images = static_cast<int>(min(int64_t{tileImages}, with.call.batch - firstImage));
  }
};

/** Puts a number as high and low parts where there is room for the low one. */
__device__ __forceinline__ void put(uint16_t* to, int64_t low, float value) {
  const SplitFloat pair = splitFloat(value);
  to[0] = pair.high;
  if (low != 0) to[low] = pair.low;
}

/** Zeros behind the last anchor and the last class: the products go on to the next multiple of 32. */
template <int kThreads>
__device__ void clearEnds(const Attend& with, const AttendPart& part) {
  const AnchorScores& to = with.call.scores;
  const AnchorChunk& chunk = with.call.chunk;
  const int lane = static_cast<int>(threadIdx.x) % kWarp, warp = static_cast<int>(threadIdx.x) / kWarp;
  const int64_t column = chunk.rows + lane, end = (chunk.rows + 31) / 32 * 32;
  const int64_t classColumn = chunk.classes + lane, classEnd = (chunk.classes + 31) / 32 * 32;
  for (int i = warp; i < 2 * part.images; i += kThreads / kWarp) {
    const int64_t line = part.firstImage + i % part.images + (i < part.images ? 0 : with.call.batch);
    if (column < end) put(to.gradient + line * to.stride + column, to.gradientLow, 0);
    if (to.sums != nullptr && classColumn < classEnd) {
      put(to.sums + line * to.classStride + classColumn, to.sumsLow, 0);
    }
  }
}

/** A class without anchors. */
template <int kThreads>
__device__ void attendToNone(const Attend& with, const AttendPart& part) {
  const AttendCall& call = with.call;
  const AnchorScores& to = call.scores;
  const int64_t local = part.c - call.chunk.firstClass;
  for (int i = static_cast<int>(threadIdx.x); i < part.images; i += kThreads) {
    const int64_t b = part.firstImage + i, pair = b * call.classes + part.c;
    if (call.logits != nullptr) call.logits[pair] = -INFINITY;
    if (call.weights != nullptr) {
      for (int64_t m = 0; m < call.perClass; ++m) {
        call.weights[pair * call.perClass + m] = call.contributions[pair * call.perClass + m] = 0;
      }
    }
    if (to.sums != nullptr) {
      put(to.sums + b * to.classStride + local, to.sumsLow, 0);
      put(to.sums + (call.batch + b) * to.classStride + local, to.sumsLow, 0);
    }
  }
  if (call.scaleTerms != nullptr && threadIdx.x == 0) {
    call.scaleTerms[part.c * gridDim.y + blockIdx.y] = 0;
  }
}

/** `attend` of classes that all have up to kClassAnchors, where the table has their Gram matrices in parts.
 */
constexpr int kClassImages = 64;  // a block
Status attendByClass(cudaStream_t stream, const AttendCall& call);

}  // namespace vlltr::cuda
