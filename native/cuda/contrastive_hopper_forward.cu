#include <type_traits>

#include "cuda/contrastive_hopper.h"
#include "cuda/contrastive_hopper_apart.cuh"
#include "cuda/contrastive_hopper_features.h"
#include "cuda/contrastive_hopper_plan.h"
#include "cuda/contrastive_hopper_statistics.cuh"
#include "cuda/contrastive_lines.cuh"
#include "cuda/enqueue.h"
#include "cuda/launch.cuh"
#include "cuda/reduce.cuh"

namespace vlltr::cuda {
namespace {

using hopper::Form;
using hopper::Major;

constexpr int64_t kHalfTile = 64;
constexpr int kSumThreads = 256;

/** sum_ij t_ij S_ij from the sums that warps left. */
__global__ void __launch_bounds__(kSumThreads)
    sumTargets(const double2* warps, int count, const ContrastiveScalars* scalars, float smoothing,
               int64_t columns, float* targetSum) {
  double match = 0, all = 0;
  for (int i = threadIdx.x; i < count; i += kSumThreads) match += warps[i].x, all += warps[i].y;
  match = blockSum<kSumThreads>(match);
  all = blockSum<kSumThreads>(all);
  if (threadIdx.x != 0) return;
  const double keep = 1.0 - smoothing, smooth = static_cast<double>(smoothing) / static_cast<double>(columns);
  const double sum = (keep == 0 ? 0 : keep * match) + (smooth == 0 ? 0 : smooth * all);
  *targetSum = static_cast<float>(sum * static_cast<double>(scalars->scale));
}

struct Workspace {
  ContrastiveScalars* scalars;
  HopperLineTile *rowLines, *columnLines;
  float *rowPartials, *columnPartials, *rowState, *columnState;
  // `targets` to `lists`, 0 at first.
  double2* targets;
  unsigned long long* classes;
  int* lists;
  HopperBlockFeatures features;
};

class Forward {
 public:
  Forward(const Device& device, const ContrastiveForward& call)
      : call_(call),
        targets_(device.card().multiprocessors * hopper::kConsumers * 4),
        blocks_(hopperForwardBlocks(call.rows, call.columns)),
        split_(call.precision == Precision::kFloat32),
        teacher_(call.teacher.width > 0) {}

  Workspace arrange(Arena& arena) const {
    const int64_t width = featureRow(call_.student.width, split_);
    const int64_t teacherWidth = featureRow(call_.teacher.width, split_);
    return {arena.take<ContrastiveScalars>(1),
            arena.take<HopperLineTile>(hopperLineTiles(call_.rows)),
            arena.take<HopperLineTile>(hopperLineTiles(call_.columns)),
            arena.take<float>(kPartialFloats * (blocks_.columns / kSimilarityTile) * blocks_.rows),
            arena.take<float>(kPartialFloats * (blocks_.rows / kHalfTile) * blocks_.columns),
            arena.take<float>(kPartialFloats * call_.rows),
            arena.take<float>(kPartialFloats * blocks_.columns),
            arena.take<double2>(targets_),
            arena.take<unsigned long long>(int64_t{1} << ClassTable::bitsFor(call_.columns)),
            arena.take<int>(blocks() * listLength()),
            HopperBlockFeatures(arena, blocks_, width, teacherWidth)};
  }

  Status enqueue(const Device::Data& device, const Workspace& work) const {
    const char* end = reinterpret_cast<const char*>(work.lists + blocks() * listLength());
    cudaError_t error = cudaMemsetAsync(
        work.targets, 0, static_cast<size_t>(end - reinterpret_cast<char*>(work.targets)), device.stream);
    if (error == cudaSuccess) {
      error = layHopperLines(device.stream, {call_,
                                             nullptr,
                                             {},
                                             {},
                                             work.scalars,
                                             {work.classes, ClassTable::bitsFor(call_.columns)},
                                             work.rowLines,
                                             work.columnLines});
    }
    VLLTR_RETURN_IF_ERROR(check(error, "preparing the contrastive forward pass"));
    int* list = work.lists;
    for (int64_t column = 0; column < call_.columns; column += blocks_.columns) {
      for (int64_t row = 0; row < call_.rows; row += blocks_.rows) {
        VLLTR_RETURN_IF_ERROR(
            check(work.features.convert(device.stream, call_, blocks_, row, column), "converting features"));
        VLLTR_RETURN_IF_ERROR(enqueueBlock(device, work, row, column, list));
        list += listLength();
      }
    }
    return check(launch(device.stream, sumTargets, 1, kSumThreads, 0, work.targets, targets_, work.scalars,
                        call_.smoothing, call_.columns, call_.targetSum),
                 "summing targets");
  }

 private:
  int64_t rowsAt(int64_t row) const { return std::min(blocks_.rows, call_.rows - row); }
  int64_t columnsAt(int64_t column) const { return std::min(blocks_.columns, call_.columns - column); }

  /** Tiles of clusters in a block, whole ones. */
  int64_t tiles() const { return blocks_.rows / kHopperRows * (blocks_.columns / kSimilarityTile); }
  int64_t blocks() const {
    return (call_.rows + blocks_.rows - 1) / blocks_.rows *
           ((call_.columns + blocks_.columns - 1) / blocks_.columns);
  }
  /** A block's list of tiles, its length first, then whether each is listed. */
  int64_t listLength() const { return 1 + 2 * tiles(); }

  /** `list`: 0 everywhere. */
  Status enqueueBlock(const Device::Data& device, const Workspace& work, int64_t row, int64_t column,
                      int* list) const {
    const int64_t tiles = this->tiles();
    const auto rows = static_cast<int>(rowsAt(row)), columns = static_cast<int>(columnsAt(column));
    const auto rowTiles = static_cast<int>(roundUp(rows, kHalfTile) / kHalfTile);
    const auto columnTiles = static_cast<int>(roundUp(columns, kSimilarityTile) / kSimilarityTile);
    const auto rowStride = static_cast<int>(blocks_.rows), columnStride = static_cast<int>(blocks_.columns);
    const HopperPartials partials = {work.rowPartials,
                                     work.columnPartials,
                                     rowStride,
                                     columnStride,
                                     int64_t{rowStride} * columnTiles,
                                     int64_t{columnStride} * rowTiles};
    const auto form = [&]<bool kTeacher>(std::bool_constant<kTeacher>) {
      constexpr int kProducts = 1 + kTeacher;
      using Product = Form<128, kProducts, Major::kDepth, Major::kDepth, hopper::Share::kB>;
      HopperMatrix a[kProducts], b[kProducts];
      if constexpr (kTeacher) {
        a[0] = hopperFeatures(work.features.teacherImages, rows, call_.teacher.width, split_);
        b[0] = hopperFeatures(work.features.teacherTexts, columns, call_.teacher.width, split_);
      }
      a[kTeacher] = hopperFeatures(work.features.images, rows, call_.student.width, split_);
      b[kTeacher] = hopperFeatures(work.features.texts, columns, call_.student.width, split_);
      hopper::Manner manner = {work.rowLines + row / kHopperLines, work.columnLines + column / kHopperLines};
      const HopperStatistics<kTeacher> statistics = {work.scalars, partials, work.targets, list + 1 + tiles,
                                                     list};
      VLLTR_RETURN_IF_ERROR(hopper::launch<Product>(device, a, b, statistics, manner));
      manner.list = list;
      return hopper::launch<Product>(device, a, b, HopperStatisticsApart<kTeacher>{work.scalars, partials},
                                     manner);
    };
    VLLTR_RETURN_IF_ERROR(teacher_ ? form(std::true_type()) : form(std::false_type()));
    const LineMerge rowMerge = {rows,
                                columnTiles,
                                work.rowPartials,
                                rowStride,
                                work.rowState + row,
                                call_.rows,
                                column == 0,
                                column + columns == call_.columns,
                                linesFrom(call_.rowStatistics, row)};
    const LineMerge columnMerge = {columns,
                                   rowTiles,
                                   work.columnPartials,
                                   columnStride,
                                   work.columnState,
                                   blocks_.columns,
                                   row == 0,
                                   row + rows == call_.rows,
                                   linesFrom(call_.columnStatistics, column)};
    return check(mergeLines(device.stream, rowMerge, columnMerge, teacher_), "merging statistics");
  }

  const ContrastiveForward& call_;
  int targets_;
  SimilarityBlocks blocks_;
  bool split_, teacher_;
};

}  // namespace

int64_t contrastiveHopperWorkspace(const Device& device, const ContrastiveForward& call) {
  Arena arena;
  Forward(device, call).arrange(arena);
  return arena.bytes();
}

Status contrastiveHopper(Device& device, const ContrastiveForward& call, const LentMemory& lent) {
  return enqueueWith(device, contrastiveHopperWorkspace(device, call), lent, [&](Arena& arena) {
    const Forward forward(device, call);
    return forward.enqueue(device.data(), forward.arrange(arena));
  });
}

}  // namespace vlltr::cuda
