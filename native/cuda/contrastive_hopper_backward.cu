#include "cuda/contrastive_hopper.h"
#include "cuda/contrastive_hopper_difference.cuh"
#include "cuda/contrastive_hopper_features.h"
#include "cuda/contrastive_hopper_plan.h"
#include "cuda/contrastive_lines.cuh"
#include "cuda/enqueue.h"
#include "cuda/hopper_add.cuh"
#include "cuda/launch.cuh"
#include "cuda/reduce.cuh"

namespace vlltr::cuda {
namespace {

using hopper::Form;
using hopper::Major;
using hopper::Share;

constexpr int kSumThreads = 256;

/** The scale's gradient from the sums that warps left. */
__global__ void __launch_bounds__(kSumThreads)
    sumProducts(const double* products, int count, const ContrastiveScalars* scalars, float* dlogitScale) {
  double sum = 0;
  for (int i = threadIdx.x; i < count; i += kSumThreads) sum += products[i];
  sum = blockSum<kSumThreads>(sum);
  if (threadIdx.x == 0)
    *dlogitScale = static_cast<float>(sum * static_cast<double>(scalars->featureGradient));
}

struct Workspace {
  ContrastiveScalars* scalars;
  HopperLineTile *rowLines, *columnLines;
  // `products` to `turns`, 0 at first.
  double* products;
  unsigned long long* classes;
  int* turns;
  HopperBlockFeatures features;
  __nv_bfloat16* difference;
};

class Backward {
 public:
  Backward(const Device& device, const ContrastiveBackward& call)
      : call_(call),
        split_(call.precision == Precision::kFloat32),
        teacher_(call.teacher.width > 0),
        width_(featureRow(call.student.width, split_)),
        teacherWidth_(featureRow(call.teacher.width, split_)),
        blocks_(hopperBackwardBlocks(call.rows, call.columns, split_ ? 4 : 2, 2 * (width_ + teacherWidth_))),
        products_(device.card().multiprocessors * hopper::kConsumers * 4),
        turns_(static_cast<int>(2 * (std::max(blocks_.rows, blocks_.columns) / 128 + 1) *
                                (roundUp(call.student.width, 512) / 256))) {}

  Workspace arrange(Arena& arena) const {
    return {arena.take<ContrastiveScalars>(1),
            arena.take<HopperLineTile>(hopperLineTiles(call_.rows)),
            arena.take<HopperLineTile>(hopperLineTiles(call_.columns)),
            arena.take<double>(products_),
            arena.take<unsigned long long>(int64_t{1} << ClassTable::bitsFor(call_.columns)),
            arena.take<int>(turns_),
            HopperBlockFeatures(arena, blocks_, width_, teacherWidth_),
            arena.take<__nv_bfloat16>(blocks_.rows * blocks_.columns * (split_ ? 2 : 1))};
  }

  Status enqueue(const Device::Data& device, const Workspace& work) const {
    const char* end = reinterpret_cast<const char*>(work.turns + turns_);
    cudaError_t error = cudaMemsetAsync(
        work.products, 0, static_cast<size_t>(end - reinterpret_cast<char*>(work.products)), device.stream);
    if (error == cudaSuccess) {
      error = layHopperLines(device.stream, {call_,
                                             call_.dloss,
                                             call_.rowStatistics,
                                             call_.columnStatistics,
                                             work.scalars,
                                             {work.classes, ClassTable::bitsFor(call_.columns)},
                                             work.rowLines,
                                             work.columnLines});
    }
    VLLTR_RETURN_IF_ERROR(check(error, "preparing the contrastive backward pass"));
    for (int64_t column = 0; column < call_.columns; column += blocks_.columns) {
      for (int64_t row = 0; row < call_.rows; row += blocks_.rows) {
        VLLTR_RETURN_IF_ERROR(
            check(work.features.convert(device.stream, call_, blocks_, row, column), "converting features"));
        VLLTR_RETURN_IF_ERROR(enqueueBlock(device, work, row, column));
      }
    }
    return check(launch(device.stream, sumProducts, 1, kSumThreads, 0, work.products, products_, work.scalars,
                        call_.dlogitScale),
                 "summing the scale's gradient");
  }

 private:
  int64_t rowsAt(int64_t row) const { return std::min(blocks_.rows, call_.rows - row); }
  int64_t columnsAt(int64_t column) const { return std::min(blocks_.columns, call_.columns - column); }

  Status enqueueBlock(const Device::Data& device, const Workspace& work, int64_t row, int64_t column) const {
    const int64_t rows = rowsAt(row), columns = columnsAt(column);
    const HopperMatrix difference = {work.difference, rows, columns, blocks_.columns * (split_ ? 2 : 1),
                                     split_ ? blocks_.columns : 0};
    const Status formed = teacher_ ? split_ ? form<true, true>(device, work, row, column, difference)
                                            : form<true, false>(device, work, row, column, difference)
                          : split_ ? form<false, true>(device, work, row, column, difference)
                                   : form<false, false>(device, work, row, column, difference);
    VLLTR_RETURN_IF_ERROR(formed);
    const int64_t width = call_.student.width;
    const HopperMatrix texts = hopperFeatures(work.features.texts, columns, width, split_);
    const HopperMatrix images = hopperFeatures(work.features.images, rows, width, split_);
    float* const dimage = call_.dimage + row * width;
    float* const dtext = call_.dtext + column * width;
    const float* const factor = &work.scalars->featureGradient;
    const hopper::Add addImages = {dimage, factor, column > 0, work.turns};
    const hopper::Add addTexts = {dtext, factor, row > 0, work.turns};
    const Status added = add<Major::kDepth>(device, difference, texts, addImages);
    VLLTR_RETURN_IF_ERROR(added);
    return add<Major::kBreadth>(device, difference, images, addTexts);
  }

  template <bool kTeacher, bool kSplit>
  Status form(const Device::Data& device, const Workspace& work, int64_t row, int64_t column,
              const HopperMatrix& difference) const {
    HopperDifference<kTeacher, kSplit> epilogue = {};
    VLLTR_RETURN_IF_ERROR(mapMatrix(difference.part(0), epilogue.kBoxRows, &epilogue.high));
    if (kSplit) VLLTR_RETURN_IF_ERROR(mapMatrix(difference.part(1), epilogue.kBoxRows, &epilogue.low));
    epilogue.scalars = work.scalars;
    epilogue.rows = linesFrom(call_.rowStatistics, row);
    epilogue.columns = linesFrom(call_.columnStatistics, column);
    epilogue.distillWeight = kTeacher ? call_.distillWeight : 0;
    epilogue.target = targetFactors(call_.smoothing, epilogue.distillWeight, call_.columns);
    epilogue.products = work.products;
    const hopper::Manner manner = {work.rowLines + row / kHopperLines,
                                   work.columnLines + column / kHopperLines};
    const int64_t rows = difference.rows, columns = difference.columns;
    const HopperMatrix images = hopperFeatures(work.features.images, rows, call_.student.width, split_);
    const HopperMatrix texts = hopperFeatures(work.features.texts, columns, call_.student.width, split_);
    using Product = Form<128, 1 + kTeacher, Major::kDepth, Major::kDepth, Share::kB>;
    if constexpr (kTeacher) {
      const int64_t width = call_.teacher.width;
      return hopper::launch<Product>(
          device, {hopperFeatures(work.features.teacherImages, rows, width, split_), images},
          {hopperFeatures(work.features.teacherTexts, columns, width, split_), texts}, epilogue, manner);
    } else {
      return hopper::launch<Product>(device, {images}, {texts}, epilogue, manner);
    }
  }

  /** dS as it lies or transposed, times features. */
  template <Major kMajor>
  static Status add(const Device::Data& device, const HopperMatrix& difference, const HopperMatrix& features,
                    const hopper::Add& epilogue) {
    hopper::Manner manner;
    manner.spread = true, manner.rightFirst = true;
    // dS is large and features are not: a tile of dS is to be read by all columns at once.
    if (features.columns > 256) {
      return hopper::launch<Form<256, 1, kMajor, Major::kBreadth, Share::kA>>(device, {difference},
                                                                              {features}, epilogue, manner);
    }
    return hopper::launch<Form<256, 1, kMajor, Major::kBreadth, Share::kB>>(device, {difference}, {features},
                                                                            epilogue, manner);
  }

  const ContrastiveBackward& call_;
  bool split_, teacher_;
  int64_t width_, teacherWidth_;
  SimilarityBlocks blocks_;
  int products_, turns_;
};

}  // namespace

int64_t contrastiveHopperWorkspace(const Device& device, const ContrastiveBackward& call) {
  Arena arena;
  Backward(device, call).arrange(arena);
  return arena.bytes();
}

Status contrastiveHopper(Device& device, const ContrastiveBackward& call, const LentMemory& lent) {
  return enqueueWith(device, contrastiveHopperWorkspace(device, call), lent, [&](Arena& arena) {
    const Backward backward(device, call);
    return backward.enqueue(device.data(), backward.arrange(arena));
  });
}

}  // namespace vlltr::cuda
