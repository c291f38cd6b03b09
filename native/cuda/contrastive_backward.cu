#include <algorithm>

#include "cuda/arena.h"
#include "cuda/contrastive.h"
#include "cuda/contrastive_gradient.cuh"
#include "cuda/contrastive_hopper.h"
#include "cuda/contrastive_lines.cuh"
#include "cuda/contrastive_plan.h"
#include "cuda/contrastive_prepare.cuh"
#include "cuda/enqueue.h"
#include "cuda/features.cuh"
#include "cuda/path.h"

namespace vlltr::cuda {
namespace {

struct Workspace {
  ContrastiveScalars* scalars;
  float *weights, *products;
  float4 *rowRanges, *columnRanges;
  __nv_bfloat16 *texts, *teacherTexts, *images, *teacherImages, *difference;
};

class Backward {
 public:
  explicit Backward(const ContrastiveBackward& call)
      : call_(call),
        split_(call.precision == Precision::kFloat32),
        teacher_(call.teacher.width > 0),
        computed_(call.kept == nullptr) {
    const int64_t held = call.columns * (featureRow(call.student.width, split_) + taughtRow()) * 2;
    blocks_ = backwardBlocks(call.rows, call.columns, split_ ? 4 : 2, differenceBytes(held));
  }

  Workspace arrange(Arena& arena) const {
    const int64_t rowTiles = roundUp(call_.rows, kSimilarityTile) / kSimilarityTile;
    const int64_t columnTiles = roundUp(call_.columns, kSimilarityTile) / kSimilarityTile;
    const int64_t width = featureRow(call_.student.width, split_);
    return {arena.take<ContrastiveScalars>(1),
            arena.take<float>(call_.rows),
            arena.take<float>(rowTiles * columnTiles),
            arena.take<float4>(rowTiles),
            arena.take<float4>(columnTiles),
            arena.take<__nv_bfloat16>(call_.columns * width),
            arena.take<__nv_bfloat16>(call_.columns * taughtRow()),
            arena.take<__nv_bfloat16>(blocks_.rows * width),
            arena.take<__nv_bfloat16>(blocks_.rows * taughtRow()),
            arena.take<__nv_bfloat16>(blocks_.rows * blocks_.columns * (split_ ? 2 : 1))};
  }

  cudaError_t enqueue(cudaStream_t stream, bool wideShared, const Workspace& work) const {
    cudaError_t error = prepareContrastive(stream, call_, call_.dloss, work.scalars, work.weights);
    if (error != cudaSuccess) return error;
    error = rangeOfLines(stream, {call_.rows, call_.rowStatistics, work.rowRanges},
                         {call_.columns, call_.columnStatistics, work.columnRanges}, teacher_);
    if (error != cudaSuccess) return error;
    const FeatureConversion texts[kConversions] = {
        {call_.student.text, work.texts, call_.columns, call_.student.width},
        {call_.teacher.text, work.teacherTexts, call_.columns, taughtWidth()}};
    error = convertFeatures(stream, texts, split_);
    if (error != cudaSuccess) return error;
    int64_t tile = 0;
    for (int64_t row = 0; row < call_.rows; row += blocks_.rows) {
      const int64_t rows = std::min(blocks_.rows, call_.rows - row);
      const FeatureConversion images[kConversions] = {
          {call_.student.image + row * call_.student.width, work.images, rows, call_.student.width},
          {call_.teacher.image + row * taughtWidth(), work.teacherImages, rows, taughtWidth()}};
      error = convertFeatures(stream, images, split_);
      if (error != cudaSuccess) return error;
      for (int64_t column = 0; column < call_.columns; column += blocks_.columns) {
        error = enqueueBlock(stream, wideShared, work, row, column, &tile);
        if (error != cudaSuccess) return error;
      }
    }
    return sumProducts(stream, work.products, tile, &work.scalars->gradient, call_.dlogitScale);
  }

 private:
  /** Of the teacher's features as far as they are needed. */
  int64_t taughtWidth() const { return computed_ ? call_.teacher.width : 0; }
  int64_t taughtRow() const { return featureRow(taughtWidth(), split_); }

  cudaError_t enqueueBlock(cudaStream_t stream, bool wideShared, const Workspace& work, int64_t row,
                           int64_t column, int64_t* tile) const {
    const int rows = static_cast<int>(std::min(blocks_.rows, call_.rows - row));
    const int columns = static_cast<int>(std::min(blocks_.columns, call_.columns - column));
    const __nv_bfloat16* texts = work.texts + column * featureRow(call_.student.width, split_);
    DifferenceCall difference;
    difference.similarities = similaritiesOf(work, row, column, rows, columns);
    difference.block = blockOf(work, row, column, rows, columns);
    difference.block.products = work.products + *tile;
    *tile += static_cast<int64_t>(difference.block.rowTiles) * difference.block.columnTiles;
    const cudaError_t error = formDifference(stream, difference, teacher_, wideShared);
    if (error != cudaSuccess) return error;

    const int64_t low = blocks_.rows * blocks_.columns;
    const int terms = split_ ? 3 : 1, width = static_cast<int>(call_.student.width);
    const auto padded = static_cast<int>(roundUp(columns, kTileK));
    FeatureGradients gradients;
    gradients.image = {{work.difference, blocks_.columns, low, rows, padded},
                       transposedFeatureFactor(texts, columns, width, split_),
                       terms};
    gradients.text = {{work.difference, blocks_.columns, low, columns, rows},
                      transposedFeatureFactor(work.images, rows, width, split_),
                      terms};
    gradients.factor = &work.scalars->featureGradient;
    gradients.dimage = call_.dimage + row * width;
    gradients.dtext = call_.dtext + column * width;
    gradients.addImage = column > 0;
    gradients.addText = row > 0;
    return addFeatureGradients(stream, gradients);
  }

  Similarities similaritiesOf(const Workspace& work, int64_t row, int64_t column, int rows,
                              int columns) const {
    const auto product = [&](int64_t width, const __nv_bfloat16* images, const __nv_bfloat16* texts) {
      return Product{featureFactor(images, rows, width, split_),
                     featureFactor(texts + column * featureRow(width, split_), columns, width, split_),
                     split_ ? 3 : 1};
    };
    Similarities similarities;
    similarities.student = product(call_.student.width, work.images, work.texts);
    similarities.teacher = product(taughtWidth(), work.teacherImages, work.teacherTexts);
    similarities.scalars = work.scalars;
    similarities.keptColumns = call_.columns;
    if (!computed_) {
      similarities.kept = const_cast<float*>(call_.kept) + row * call_.columns + column;
      similarities.teacherKept = similarities.kept + call_.rows * call_.columns;
    }
    return similarities;
  }

  DifferenceBlock blockOf(const Workspace& work, int64_t row, int64_t column, int rows, int columns) const {
    DifferenceBlock block;
    block.rows = rows, block.columns = columns;
    block.rowTiles = static_cast<int>(roundUp(rows, kSimilarityTile) / kSimilarityTile);
    block.columnTiles = static_cast<int>(roundUp(columns, kSimilarityTile) / kSimilarityTile);
    block.rowLabels = call_.rowLabels + row, block.columnLabels = call_.columnLabels + column;
    block.rowWeights = work.weights + row;
    const ContrastiveStatistics rowLines = linesFrom(call_.rowStatistics, row);
    const ContrastiveStatistics columnLines = linesFrom(call_.columnStatistics, column);
    block.rowLse = rowLines.lse, block.columnLse = columnLines.lse;
    block.rowTeacherLse = rowLines.teacherLse, block.columnTeacherLse = columnLines.teacherLse;
    block.rowRanges = work.rowRanges + row / kRangeLines;
    block.columnRanges = work.columnRanges + column / kRangeLines;
    block.distillWeight = call_.distillWeight;
    block.target = targetFactors(call_.smoothing, call_.distillWeight, call_.columns);
    block.high = work.difference;
    block.low = split_ ? work.difference + blocks_.rows * blocks_.columns : nullptr;
    block.ld = blocks_.columns;
    return block;
  }

  const ContrastiveBackward& call_;
  const bool split_, teacher_, computed_;
  SimilarityBlocks blocks_;
};

}  // namespace

int64_t contrastiveWorkspace(const Device& device, const ContrastiveBackward& call) {
  if (takesHopper(device)) return contrastiveHopperWorkspace(device, call);
  Arena arena;
  Backward(call).arrange(arena);
  return arena.bytes();
}

Status contrastive(Device& device, const ContrastiveBackward& call, const LentMemory& lent) {
  if (takesHopper(device)) return contrastiveHopper(device, call, lent);
  return enqueueWith(device, contrastiveWorkspace(device, call), lent, [&](Arena& arena) -> Status {
    const Backward backward(call);
    bool wideShared = false;
    VLLTR_RETURN_IF_ERROR(
        check(hasWideShared(device.card().ordinal, &wideShared), "reading a card's attributes"));
    return check(backward.enqueue(device.data().stream, wideShared, backward.arrange(arena)),
                 "starting the contrastive backward pass");
  });
}

}  // namespace vlltr::cuda
