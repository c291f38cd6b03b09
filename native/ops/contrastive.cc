#include "vlltr/contrastive.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "ops/contrastive_checks.h"
#include "ops/contrastive_tiles.h"

namespace vlltr {
namespace {

/** Sums of lines in one piece of memory: of the student's matrix `most` and `sum`, of the teacher's `mean`
 * too. */
struct LineSums {
  static constexpr int64_t kArrays = 5;

  float* memory;
  int64_t floats;  // of each array

  ContrastiveSums of(int matrix, int64_t at) const {
    float* const first = memory + 2 * matrix * floats + at;
    return {first, first + floats, matrix == 0 ? nullptr : first + 2 * floats};
  }
  /** Of no element. */
  void clear() const {
    std::fill(memory, memory + kArrays * floats, 0.f);
    for (int matrix = 0; matrix < 2; ++matrix) {
      float* const most = of(matrix, 0).most;
      std::fill(most, most + floats, -1e30f);
    }
  }
};

void finish(const ContrastiveLines& lines, const LineSums& sums, bool taught,
            const ContrastiveStatistics& to) {
  const ContrastiveSums student = sums.of(0, 0), teacher = sums.of(1, 0);
  const auto logSum = [](const ContrastiveSums& of, int64_t at) {
    return static_cast<float>(of.most[at] + std::log(static_cast<double>(of.sum[at])));
  };
  for (int64_t line = 0; line < lines.blocks.total; ++line) {
    const int64_t at = lines.at(line);
    to.lse[line] = logSum(student, at);
    to.teacherLse[line] = taught ? logSum(teacher, at) : 0;
    to.teacherMean[line] = taught ? teacher.mean[at] / teacher.sum[at] : 0;
  }
}

/** One forward pass. */
class Forward {
 public:
  Forward(const ContrastiveForward& call, const ContrastiveSetting& setting)
      : call_(call),
        setting_(setting),
        tiles_(call, nullptr, *setting.gemm, *setting.kernels, 0,
               LineSums::kArrays * 2 * setting.gemm->block * static_cast<int64_t>(sizeof(float))) {}

  Status run();

 private:
  int matrices() const { return tiles_.taught() ? 2 : 1; }
  void compute(const ContrastiveGroup& group, int64_t tile) const;
  void keep(int matrix, int64_t i, int64_t j, const float* scores) const;
  void merge(const ContrastiveGroup& group, int64_t line) const;

  const ContrastiveForward& call_;
  const ContrastiveSetting& setting_;
  ContrastiveTiles tiles_;
  Workspace memory_;
  LineSums rows_, columns_;          // of all that was seen
  LineSums tileRows_, tileColumns_;  // of each tile of a group
  int32_t* columnClass_;
  float* columnShare_;
  float* scores_;
  double* targetSums_;  // of the tiles of a group
};

Status Forward::run() {
  const ContrastiveLines &rows = tiles_.rows(), &columns = tiles_.columns();
  const int64_t tiles = rows.groups.block * columns.groups.block, threads = setting_.pool->threads();
  Pieces pieces;
  const int64_t packed = pieces.take(tiles_.bytes());
  const auto sums = [&](int64_t floats) { return pieces.takeFloats(LineSums::kArrays * floats); };
  const int64_t rowsAt = sums(rows.floats()), columnsAt = sums(columns.floats());
  const int64_t tileRowsAt = sums(tiles * rows.stride), tileColumnsAt = sums(tiles * columns.stride);
  const int64_t classAt = pieces.takeFloats(columns.floats()), shareAt = pieces.takeFloats(columns.floats());
  const int64_t scoresAt = pieces.takeFloats(threads * matrices() * tiles_.tileFloats());
  const int64_t targetsAt = pieces.take(tiles * static_cast<int64_t>(sizeof(double)));
  if (!memory_.reserve(pieces.bytes())) {
    return Status(Code::kResourceExhausted, "contrastive: no memory for a group of tiles");
  }
  const auto floats = [&](int64_t at) { return reinterpret_cast<float*>(memory_.at(at)); };
  tiles_.place(memory_.at(packed));
  rows_ = {floats(rowsAt), rows.floats()}, columns_ = {floats(columnsAt), columns.floats()};
  tileRows_ = {floats(tileRowsAt), tiles * rows.stride};
  tileColumns_ = {floats(tileColumnsAt), tiles * columns.stride};
  columnClass_ = reinterpret_cast<int32_t*>(memory_.at(classAt)), columnShare_ = floats(shareAt);
  scores_ = floats(scoresAt), targetSums_ = reinterpret_cast<double*>(memory_.at(targetsAt));

  rows_.clear(), columns_.clear();
  tileRows_.clear(), tileColumns_.clear();
  spreadLines(columns, setting_.classes.column.data(), -1, columnClass_);
  spreadLines(columns, setting_.classes.columnShare.data(), 0.f, columnShare_);
  double targetSum = 0;
  forGroups(
      tiles_, *setting_.pool, [&](int64_t i) { tiles_.packImages(i); },
      [&](int64_t j) { tiles_.packTexts(j); },
      [&](const ContrastiveGroup& group) {
        setting_.pool->run(group.tiles(), [&](int64_t tile) { compute(group, tile); });
        setting_.pool->run(group.rows + group.columns, [&](int64_t line) { merge(group, line); });
        for (int64_t tile = 0; tile < group.tiles(); ++tile) targetSum += targetSums_[tile];
      });
  finish(rows, rows_, tiles_.taught(), call_.rowStatistics);
  finish(columns, columns_, tiles_.taught(), call_.columnStatistics);
  *call_.targetSum = static_cast<float>(targetSum);
  return Status();
}

void Forward::compute(const ContrastiveGroup& group, int64_t tile) const {
  const ContrastiveKernels& kernels = tiles_.kernels();
  const int64_t i = group.row(tile), j = group.column(tile);
  const ContrastiveTile shape = tiles_.tile(i, j);
  const ScratchSlots::Held slot(setting_.slots);
  float* const student = scores_ + slot.number() * matrices() * tiles_.tileFloats();
  for (int matrix = 0; matrix < matrices(); ++matrix) {
    float* const scores = student + matrix * tiles_.tileFloats();
    const ContrastiveSums rows = tileRows_.of(matrix, tile * tiles_.rows().stride);
    const ContrastiveSums columns = tileColumns_.of(matrix, tile * tiles_.columns().stride);
    const float most = tiles_.fill(matrix, i, j, scores, rows.most, columns.most);
    kernels.sums(shape, most, scores, matrix == 0 ? nullptr : student, rows, columns);
    if (call_.kept != nullptr) keep(matrix, i, j, scores);
  }
  const int64_t firstRow = tiles_.rows().blocks.first(i), firstColumn = j * tiles_.columns().stride;
  targetSums_[tile] =
      kernels.targetSum(shape, student,
                        {setting_.classes.row.data() + firstRow, columnClass_ + firstColumn,
                         setting_.classes.rowShare.data() + firstRow, columnShare_ + firstColumn});
}

void Forward::keep(int matrix, int64_t i, int64_t j, const float* scores) const {
  const ContrastiveTile shape = tiles_.tile(i, j);
  float* to = call_.kept + (matrix * call_.rows + tiles_.rows().blocks.first(i)) * call_.columns +
              tiles_.columns().blocks.first(j);
  for (int64_t r = 0; r < shape.rows; ++r) {
    std::memcpy(to + r * call_.columns, scores + r * shape.stride,
                static_cast<size_t>(shape.columns) * sizeof(float));
  }
}

/** Adds the tiles of a group to a block of lines: the rows' blocks come first, then the columns'. */
void Forward::merge(const ContrastiveGroup& group, int64_t line) const {
  const bool isRow = line < group.rows;
  const int64_t block = isRow ? line : line - group.rows, count = isRow ? group.columns : group.rows;
  const int64_t stride = (isRow ? tiles_.rows() : tiles_.columns()).stride;
  const LineSums &from = isRow ? tileRows_ : tileColumns_, &into = isRow ? rows_ : columns_;
  const int64_t to = ((isRow ? group.firstRow : group.firstColumn) + block) * stride;
  for (int64_t k = 0; k < count; ++k) {
    const int64_t tile = isRow ? block * group.columns + k : k * group.columns + block;
    for (int matrix = 0; matrix < matrices(); ++matrix) {
      tiles_.kernels().merge(stride, from.of(matrix, tile * stride), into.of(matrix, to));
    }
  }
}

}  // namespace

Status contrastive(const ContrastiveForward& call) {
  VLLTR_RETURN_IF_ERROR(checkContrastive(call));
  ContrastiveSetting setting;
  VLLTR_RETURN_IF_ERROR(setting.make(call));
  return Forward(call, setting).run();
}

}  // namespace vlltr
