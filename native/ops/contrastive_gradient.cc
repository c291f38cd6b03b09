#include <cmath>

#include "ops/contrastive_checks.h"
#include "ops/contrastive_tiles.h"

namespace vlltr {
namespace {

/**
 * One backward pass: a group's dS, rounded as products take it once targets are subtracted, and then its
 * share of both gradients.
 */
class Backward {
 public:
  Backward(const ContrastiveBackward& call, const ContrastiveSetting& setting)
      : call_(call),
        setting_(setting),
        use_(setting.gemm->of(call.precision)),
        tiles_(call, call.kept, *setting.gemm, *setting.kernels,
               setting.gemm->block * call.student.width * static_cast<int64_t>(sizeof(float)),
               2 * setting.gemm->block * setting.gemm->block * static_cast<int64_t>(sizeof(float))),
        widths_(call.student.width, setting.gemm->block, use_.b.rows),
        rowBlock_(tiles_.rows().blocks.block),
        columnBlock_(tiles_.columns().blocks.block),
        scale_(std::exp(static_cast<double>(*call.student.logitScale))),
        factor_(*call.dloss * scale_ / (2 * static_cast<double>(call.columns))) {}

  Status run();

 private:
  void packAcross(const ContrastiveLines& lines, const float* features, int64_t block, char* to,
                  int64_t chunkBytes) const;
  void compute(const ContrastiveGroup& group, int64_t tile) const;
  void multiply(const ContrastiveGroup& group, int64_t part) const;

  const ContrastiveBackward& call_;
  const ContrastiveSetting& setting_;
  const GemmPrecision& use_;
  ContrastiveTiles tiles_;
  Blocks widths_;  // the features' width, in blocks of columns of the gradients
  int64_t rowBlock_, columnBlock_;
  double scale_, factor_;
  Workspace memory_;
  // Chunks of products: features as right factors, [block of a group][block of the width], and dS and its
  // transpose as left ones, [tile of a group].
  char *images_, *texts_, *slopes_, *slopesAcross_;
  int64_t imageBytes_, textBytes_, slopeBytes_, slopeAcrossBytes_;
  float *columnLse_, *columnTeacherLse_, *columnShare_, *scratch_;
  int32_t* columnClass_;
  int64_t scratchFloats_;  // of a thread
  double* along_;          // sum of dS S of each tile of a group
};

Status Backward::run() {
  const ContrastiveLines &rows = tiles_.rows(), &columns = tiles_.columns();
  const int64_t tiles = rows.groups.block * columns.groups.block;
  imageBytes_ = Workspace::aligned(packedBytes(use_.b, widths_.block, rowBlock_));
  textBytes_ = Workspace::aligned(packedBytes(use_.b, widths_.block, columnBlock_));
  slopeBytes_ = Workspace::aligned(packedBytes(use_.a, rowBlock_, columnBlock_));
  slopeAcrossBytes_ = Workspace::aligned(packedBytes(use_.a, columnBlock_, rowBlock_));
  scratchFloats_ = (tiles_.taught() ? 2 : 1) * tiles_.tileFloats() + rows.stride + 2 * columns.stride;
  Pieces pieces;
  const int64_t packed = pieces.take(tiles_.bytes());
  const int64_t images = pieces.take(rows.groups.block * widths_.count * imageBytes_);
  const int64_t texts = pieces.take(columns.groups.block * widths_.count * textBytes_);
  const int64_t slopes = pieces.take(tiles * slopeBytes_);
  const int64_t slopesAcross = pieces.take(tiles * slopeAcrossBytes_);
  const int64_t lse = pieces.takeFloats(columns.floats()), teacherLse = pieces.takeFloats(columns.floats());
  const int64_t share = pieces.takeFloats(columns.floats()), classes = pieces.takeFloats(columns.floats());
  const int64_t scratch = pieces.takeFloats(setting_.pool->threads() * scratchFloats_);
  const int64_t along = pieces.take(tiles * static_cast<int64_t>(sizeof(double)));
  if (!memory_.reserve(pieces.bytes())) {
    return Status(Code::kResourceExhausted, "contrastive gradient: no memory for a group of tiles");
  }
  const auto floats = [&](int64_t at) { return reinterpret_cast<float*>(memory_.at(at)); };
  tiles_.place(memory_.at(packed));
  images_ = memory_.at(images), texts_ = memory_.at(texts);
  slopes_ = memory_.at(slopes), slopesAcross_ = memory_.at(slopesAcross);
  columnLse_ = floats(lse), columnTeacherLse_ = floats(teacherLse), columnShare_ = floats(share);
  scratch_ = floats(scratch), along_ = reinterpret_cast<double*>(memory_.at(along));
  columnClass_ = reinterpret_cast<int32_t*>(memory_.at(classes));

  constexpr float kInfinite = 1e30f;
  spreadLines<float>(columns, call_.columnStatistics.lse, kInfinite, columnLse_);
  if (tiles_.taught()) {
    spreadLines<float>(columns, call_.columnStatistics.teacherLse, kInfinite, columnTeacherLse_);
  }
  spreadLines(columns, setting_.classes.columnShare.data(), 0.f, columnShare_);
  spreadLines(columns, setting_.classes.column.data(), -1, columnClass_);
  double total = 0;
  forGroups(
      tiles_, *setting_.pool,
      [&](int64_t i) {
        tiles_.packImages(i);
        packAcross(rows, call_.student.image, i, images_, imageBytes_);
      },
      [&](int64_t j) {
        tiles_.packTexts(j);
        packAcross(columns, call_.student.text, j, texts_, textBytes_);
      },
      [&](const ContrastiveGroup& group) {
        setting_.pool->run(group.tiles(), [&](int64_t tile) { compute(group, tile); });
        setting_.pool->run((group.rows + group.columns) * widths_.count,
                           [&](int64_t part) { multiply(group, part); });
        for (int64_t tile = 0; tile < group.tiles(); ++tile) total += along_[tile];
      });
  *call_.dlogitScale = static_cast<float>(total / scale_);
  return Status();
}

/** Packs a block of lines as the right factor of products over them. */
void Backward::packAcross(const ContrastiveLines& lines, const float* features, int64_t block, char* to,
                          int64_t chunkBytes) const {
  const int64_t d = call_.student.width, inGroup = block % lines.groups.block;
  const float* from = features + lines.blocks.first(block) * d;
  for (int64_t w = 0; w < widths_.count; ++w) {
    use_.packB({from + widths_.first(w), d, true}, widths_.size(w), lines.blocks.size(block),
               to + (inGroup * widths_.count + w) * chunkBytes);
  }
}

void Backward::compute(const ContrastiveGroup& group, int64_t tile) const {
  const ContrastiveKernels& kernels = tiles_.kernels();
  const int64_t i = group.row(tile), j = group.column(tile);
  const int64_t firstRow = tiles_.rows().blocks.first(i), firstColumn = j * tiles_.columns().stride;
  const ContrastiveTile shape = tiles_.tile(i, j);
  const ScratchSlots::Held slot(setting_.slots);
  float* const student = scratch_ + slot.number() * scratchFloats_;
  float* const columnMost = student + scratchFloats_ - tiles_.columns().stride;
  float* const factors = columnMost - tiles_.columns().stride;
  float* const rowMost = factors - tiles_.rows().stride;

  const double beta = call_.distillWeight;
  const float* teacher = nullptr;
  if (tiles_.taught()) {
    float* const scores = student + tiles_.tileFloats();
    const float most = tiles_.fill(1, i, j, scores, rowMost, columnMost);
    kernels.softmax(shape, most,
                    {call_.rowStatistics.teacherLse + firstRow, columnTeacherLse_ + firstColumn,
                     static_cast<float>(beta * factor_), factors},
                    scores);
    teacher = scores;
  }
  const float most = tiles_.fill(0, i, j, student, rowMost, columnMost);
  const ContrastiveTargets targets{setting_.classes.row.data() + firstRow, columnClass_ + firstColumn,
                                   setting_.classes.rowShare.data() + firstRow, columnShare_ + firstColumn};
  along_[tile] = kernels.gradient(
      shape, most,
      {call_.rowStatistics.lse + firstRow, columnLse_ + firstColumn, static_cast<float>(factor_), factors},
      targets, static_cast<float>(2 * (1 - beta) * factor_), teacher, student);
  use_.packA({student, shape.stride, false}, shape.rows, shape.columns, slopes_ + tile * slopeBytes_);
  use_.packA({student, shape.stride, true}, shape.columns, shape.rows,
             slopesAcross_ + tile * slopeAcrossBytes_);
}

/** Adds a group's share to one block of lines of a gradient, in one block of its width: those of the images
 * come first, then those of the texts. */
void Backward::multiply(const ContrastiveGroup& group, int64_t part) const {
  const int64_t line = part / widths_.count, w = part % widths_.count, d = call_.student.width;
  const bool isRow = line < group.rows;
  const int64_t block = isRow ? line : line - group.rows, count = isRow ? group.columns : group.rows;
  const int64_t first = isRow ? group.firstRow : group.firstColumn;
  const int64_t others = isRow ? group.firstColumn : group.firstRow;
  const Blocks& lines = (isRow ? tiles_.rows() : tiles_.columns()).blocks;
  const Blocks& depths = (isRow ? tiles_.columns() : tiles_.rows()).blocks;
  float* const to = (isRow ? call_.dimage : call_.dtext) + lines.first(first + block) * d + widths_.first(w);
  for (int64_t k = 0; k < count; ++k) {
    const int64_t tile = isRow ? block * group.columns + k : k * group.columns + block;
    const char* left = isRow ? slopes_ + tile * slopeBytes_ : slopesAcross_ + tile * slopeAcrossBytes_;
    const int64_t chunk = k * widths_.count + w;
    const char* right = isRow ? texts_ + chunk * textBytes_ : images_ + chunk * imageBytes_;
    use_.multiply(lines.size(first + block), widths_.size(w), depths.size(others + k), left, right, to, d,
                  others + k > 0);
  }
}

}  // namespace

Status contrastive(const ContrastiveBackward& call) {
  VLLTR_RETURN_IF_ERROR(checkContrastive(call));
  // A teacher without weight changes no gradient.
  ContrastiveBackward needed = call;
  if (call.distillWeight == 0) needed.teacher = {};
  ContrastiveSetting setting;
  VLLTR_RETURN_IF_ERROR(setting.make(needed));
  return Backward(needed, setting).run();
}

}  // namespace vlltr
