#include "cuda/arena.h"
#include "cuda/contrastive.h"
#include "cuda/contrastive_hopper.h"
#include "cuda/contrastive_lines.cuh"
#include "cuda/contrastive_plan.h"
#include "cuda/contrastive_prepare.cuh"
#include "cuda/contrastive_statistics.cuh"
#include "cuda/enqueue.h"
#include "cuda/features.cuh"
#include "cuda/launch.cuh"
#include "cuda/path.h"

namespace vlltr::cuda {
namespace {

struct TilesCall {
  Similarities similarities;
  StatisticsBlock block;
};

template <class Shape, bool kTeacher>
__global__ void __launch_bounds__(Shape::kThreads, 2) tiles(const __grid_constant__ TilesCall call) {
  VLLTR_DYNAMIC_SHARED(char, shared, __align__(128));
  using Group = BlockGroup<Shape>;
  static_assert(sizeof(StatisticsScratch<Group>) <= Shape::kSharedBytes && Shape::kM == kSimilarityTile);
  const Similarities& similarities = call.similarities;
  const StatisticsBlock& block = call.block;
  const TileAt at = tileOfBlock(blockIdx.x, block.rowTiles, block.columnTiles);
  const int row = at.row * Shape::kM, column = at.column * Shape::kN;
  const auto keep = [&](float* to, typename Shape::Sums& sums) {
    if (to == nullptr) return;
    writeKept<Shape>(sums, to, similarities.keptColumns, row, column, block.rows, block.columns);
  };

  typename Shape::Sums sums;
  Stash<Shape> stash(shared + Shape::kSharedBytes);
  TileLoop<Shape> loop(shared, kTeacher ? similarities.teacher : similarities.student, row, column);
  if constexpr (kTeacher) loop.follow(&similarities.student);
  loop.start();
  if constexpr (kTeacher) {
    loop.multiply(depthTiles(similarities.teacher), sums);
    scaleSums<Shape>(sums, similarities.scalars->teacherScale);
    keep(similarities.teacherKept, sums);
#pragma unroll
    for (int i = 0; i < Shape::kFragmentsM; ++i) {
#pragma unroll
      for (int j = 0; j < Shape::kFragmentsN; ++j) stash.put(i, j, fragmentOf<Shape>(sums, i, j));
    }
  }
  loop.multiply(depthTiles(similarities.student), sums);
  scaleSums<Shape>(sums, similarities.scalars->scale);
  keep(similarities.kept, sums);
  const auto student = [&](int i, int j) { return fragmentOf<Shape>(sums, i, j); };
  const auto teacher = [&](int i, int j) { return stash.get(i, j); };
  TileStatistics<Group, kTeacher, decltype(student), decltype(teacher)>(block, at.row, at.column, shared,
                                                                        student, teacher);
}

template <int kStages, bool kTeacher>
cudaError_t launchTiles(cudaStream_t stream, const TilesCall& call) {
  using Shape = SimilarityShape<kStages>;
  constexpr int kBytes = kSimilarityBytes<Shape, kTeacher>;
  const cudaError_t error = allowShared(tiles<Shape, kTeacher>, kBytes);
  if (error != cudaSuccess) return error;
  const int blocks = call.block.rowTiles * call.block.columnTiles;
  return launch(stream, tiles<Shape, kTeacher>, blocks, Shape::kThreads, kBytes, call);
}

struct Workspace {
  ContrastiveScalars* scalars;
  float *weights, *rowPartials, *columnPartials, *rowState, *columnState;
  float2* targets;
  __nv_bfloat16 *texts, *teacherTexts, *images, *teacherImages;
};

class Forward {
 public:
  explicit Forward(const ContrastiveForward& call)
      : call_(call),
        blocks_(forwardBlocks(call.rows, call.columns)),
        split_(call.precision == Precision::kFloat32),
        teacher_(call.teacher.width > 0) {}

  Workspace arrange(Arena& arena) const {
    const int64_t rowTiles = blocks_.rows / kSimilarityTile, columnTiles = blocks_.columns / kSimilarityTile;
    const int64_t width = featureRow(call_.student.width, split_),
                  teacherWidth = featureRow(call_.teacher.width, split_);
    const int64_t tiles = roundUp(call_.rows, kSimilarityTile) / kSimilarityTile *
                          (roundUp(call_.columns, kSimilarityTile) / kSimilarityTile);
    return {arena.take<ContrastiveScalars>(1),
            arena.take<float>(call_.rows),
            arena.take<float>(kPartialFloats * columnTiles * blocks_.rows),
            arena.take<float>(kPartialFloats * rowTiles * blocks_.columns),
            arena.take<float>(kPartialFloats * blocks_.rows),
            arena.take<float>(kPartialFloats * call_.columns),
            arena.take<float2>(tiles),
            arena.take<__nv_bfloat16>(call_.columns * width),
            arena.take<__nv_bfloat16>(call_.columns * teacherWidth),
            arena.take<__nv_bfloat16>(blocks_.rows * width),
            arena.take<__nv_bfloat16>(blocks_.rows * teacherWidth)};
  }

  cudaError_t enqueue(cudaStream_t stream, bool wideShared, const Workspace& work) {
    cudaError_t error = prepareContrastive(stream, call_, nullptr, work.scalars, work.weights);
    if (error != cudaSuccess) return error;
    const FeatureConversion texts[kConversions] = {
        {call_.student.text, work.texts, call_.columns, call_.student.width},
        {call_.teacher.text, work.teacherTexts, call_.columns, call_.teacher.width}};
    error = convertFeatures(stream, texts, split_);
    if (error != cudaSuccess) return error;
    int64_t tile = 0;
    for (int64_t row = 0; row < call_.rows; row += blocks_.rows) {
      const int64_t rows = std::min(blocks_.rows, call_.rows - row);
      const FeatureConversion images[kConversions] = {
          {call_.student.image + row * call_.student.width, work.images, rows, call_.student.width},
          {call_.teacher.image + row * call_.teacher.width, work.teacherImages, rows, call_.teacher.width}};
      error = convertFeatures(stream, images, split_);
      if (error != cudaSuccess) return error;
      for (int64_t column = 0; column < call_.columns; column += blocks_.columns) {
        error = enqueueBlock(stream, wideShared, work, row, column, &tile);
        if (error != cudaSuccess) return error;
      }
    }
    return sumTargets(stream, work.targets, tile, call_.smoothing, call_.columns, call_.targetSum);
  }

 private:
  cudaError_t enqueueBlock(cudaStream_t stream, bool wideShared, const Workspace& work, int64_t row,
                           int64_t column, int64_t* tile) const {
    const int rows = static_cast<int>(std::min(blocks_.rows, call_.rows - row));
    const int columns = static_cast<int>(std::min(blocks_.columns, call_.columns - column));
    const int rowTiles = static_cast<int>((rows + kSimilarityTile - 1) / kSimilarityTile);
    const int columnTiles = static_cast<int>((columns + kSimilarityTile - 1) / kSimilarityTile);
    const auto rowStride = static_cast<int>(blocks_.rows), columnStride = static_cast<int>(blocks_.columns);
    const auto product = [&](const ContrastiveFeatures& features, const __nv_bfloat16* images,
                             const __nv_bfloat16* texts) {
      return Product{
          featureFactor(images, rows, features.width, split_),
          featureFactor(texts + column * featureRow(features.width, split_), columns, features.width, split_),
          split_ ? 3 : 1};
    };
    TilesCall call;
    call.similarities.student = product(call_.student, work.images, work.texts);
    call.similarities.teacher = product(call_.teacher, work.teacherImages, work.teacherTexts);
    call.similarities.scalars = work.scalars;
    call.similarities.keptColumns = call_.columns;
    if (call_.kept != nullptr) {
      call.similarities.kept = call_.kept + row * call_.columns + column;
      call.similarities.teacherKept = call.similarities.kept + call_.rows * call_.columns;
    }
    call.block = {rows,
                  columns,
                  call_.rowLabels + row,
                  call_.columnLabels + column,
                  work.weights + row,
                  work.rowPartials,
                  work.columnPartials,
                  rowStride,
                  columnStride,
                  rowTiles,
                  columnTiles,
                  work.targets + *tile};
    *tile += static_cast<int64_t>(rowTiles) * columnTiles;
    const cudaError_t error = !teacher_    ? launchTiles<3, false>(stream, call)
                              : wideShared ? launchTiles<3, true>(stream, call)
                                           : launchTiles<2, true>(stream, call);
    if (error != cudaSuccess) return error;
    const LineMerge rowMerge = {rows,
                                columnTiles,
                                work.rowPartials,
                                rowStride,
                                work.rowState,
                                blocks_.rows,
                                column == 0,
                                column + columns == call_.columns,
                                linesFrom(call_.rowStatistics, row)};
    const LineMerge columnMerge = {columns,
                                   rowTiles,
                                   work.columnPartials,
                                   columnStride,
                                   work.columnState + column,
                                   call_.columns,
                                   row == 0,
                                   row + rows == call_.rows,
                                   linesFrom(call_.columnStatistics, column)};
    return mergeLines(stream, rowMerge, columnMerge, teacher_);
  }

  const ContrastiveForward& call_;
  SimilarityBlocks blocks_;
  bool split_, teacher_;
};

}  // namespace

int64_t contrastiveWorkspace(const Device& device, const ContrastiveForward& call) {
  if (takesHopper(device)) return contrastiveHopperWorkspace(device, call);
  Arena arena;
  Forward(call).arrange(arena);
  return arena.bytes();
}

Status contrastive(Device& device, const ContrastiveForward& call, const LentMemory& lent) {
  if (takesHopper(device)) return contrastiveHopper(device, call, lent);
  return enqueueWith(device, contrastiveWorkspace(device, call), lent, [&](Arena& arena) -> Status {
    Forward forward(call);
    bool wideShared = false;
    VLLTR_RETURN_IF_ERROR(
        check(hasWideShared(device.card().ordinal, &wideShared), "reading a card's attributes"));
    return check(forward.enqueue(device.data().stream, wideShared, forward.arrange(arena)),
                 "starting the contrastive forward pass");
  });
}

}  // namespace vlltr::cuda
