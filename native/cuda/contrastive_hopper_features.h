#pragma once

#include <algorithm>

#include "cuda/arena.h"
#include "cuda/contrastive_plan.h"
#include "cuda/features.cuh"
#include "cuda/hopper_map.h"
#include "vlltr/contrastive.h"

namespace vlltr::cuda {

/** Converted features as an operand, either way round. */
inline HopperMatrix hopperFeatures(const __nv_bfloat16* data, int64_t rows, int64_t width, bool split) {
  return {data, rows, width, featureRow(width, split), split ? paddedWidth(width) : 0};
}

/** The features of one block of S, converted. */
struct HopperBlockFeatures {
  __nv_bfloat16 *texts, *teacherTexts, *images, *teacherImages;

  HopperBlockFeatures(Arena& arena, const SimilarityBlocks& blocks, int64_t row, int64_t teacherRow)
      : texts(arena.take<__nv_bfloat16>(blocks.columns * row)),
        teacherTexts(arena.take<__nv_bfloat16>(blocks.columns * teacherRow)),
        images(arena.take<__nv_bfloat16>(blocks.rows * row)),
        teacherImages(arena.take<__nv_bfloat16>(blocks.rows * teacherRow)) {}

  /** What the block at (row, column) needs and its predecessor did not: in each strip of columns come all
   * rows. */
  cudaError_t convert(cudaStream_t stream, const ContrastiveInputs& call, const SimilarityBlocks& blocks,
                      int64_t row, int64_t column) const {
    FeatureConversion list[kConversions] = {};
    int count = 0;
    const auto add = [&](const float* from, int64_t first, __nv_bfloat16* to, int64_t lines, int64_t width) {
      list[count++] = {from + first * width, to, lines, width};
    };
    if (row == 0) {
      const int64_t lines = std::min(blocks.columns, call.columns - column);
      add(call.student.text, column, texts, lines, call.student.width);
      add(call.teacher.text, column, teacherTexts, lines, call.teacher.width);
    }
    if (column == 0 || blocks.rows < call.rows) {
      const int64_t lines = std::min(blocks.rows, call.rows - row);
      add(call.student.image, row, images, lines, call.student.width);
      add(call.teacher.image, row, teacherImages, lines, call.teacher.width);
    }
    return convertFeatures(stream, list, call.precision == Precision::kFloat32);
  }
};

}  // namespace vlltr::cuda
