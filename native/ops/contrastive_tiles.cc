#include "ops/contrastive_tiles.h"

#include <cmath>
#include <cstring>
#include <new>

#include "cpu/select.h"

namespace vlltr {
namespace {

constexpr KernelSet<ContrastiveKernels> kKernels = VLLTR_KERNEL_SET(kContrastive);

// Blocks of rows in a group: enough to make up for packing a group's columns, few enough for its results to
// stay in the cache.
constexpr int64_t kRowBlocks = 4;
// Bounds what a group of columns takes.
constexpr int64_t kGroupBytes = int64_t{24} << 20;
constexpr int64_t kLanes = 16;  // floats of the widest vector

int64_t rounded(int64_t count) { return (count + kLanes - 1) / kLanes * kLanes; }

/** Blocks of columns in a group: each takes its packed features, where they are multiplied, and the caller's
 * part. */
int64_t columnBlocks(const ContrastiveInputs& call, bool multiplied, int64_t block, int64_t callersBytes) {
  const int64_t width = multiplied ? call.student.width + call.teacher.width : 0;
  return kGroupBytes / (block * width * static_cast<int64_t>(sizeof(float)) + callersBytes);
}

/** Packs a block of a group's lines. */
void packBlock(const ContrastiveLines& lines, int64_t block, const float* features, int64_t width,
               const PackedOperand& operand) {
  const int64_t inGroup = block % lines.groups.block, groupFirst = lines.blocks.first(block - inGroup);
  operand.pack({features + groupFirst * width, width, false}, lines.blocks.first(inGroup),
               lines.blocks.size(block));
}

}  // namespace

ContrastiveLines::ContrastiveLines(const Blocks& blocks, int64_t perGroup)
    : blocks(blocks),
      stride(rounded(blocks.block)),
      groups(blocks.count, std::max<int64_t>(1, perGroup), 1) {}

ContrastiveTiles::ContrastiveTiles(const ContrastiveInputs& call, const float* kept, const GemmKernels& gemm,
                                   const ContrastiveKernels& kernels, int64_t columnBytes, int64_t tileBytes)
    : call_(call),
      kept_(kept),
      product_(gemm.of(call.precision)),
      kernels_(kernels),
      gemm_(gemm),
      rows_(Blocks(call.rows, gemm.block, product_.a.rows), kRowBlocks),
      columns_(Blocks(call.columns, gemm.block, std::max(kLanes, product_.b.rows)),
               columnBlocks(call, kept == nullptr, gemm.block, columnBytes + kRowBlocks * tileBytes)),
      matrices_{matrix(call.student), matrix(call.teacher)} {
  if (kept_ != nullptr) return;
  for (int i = 0; i < matrices(); ++i) bytes_ += matrices_[i].images.bytes() + matrices_[i].texts.bytes();
}

ContrastiveTiles::Matrix ContrastiveTiles::matrix(const ContrastiveFeatures& features) const {
  const Blocks depths = depthBlocks(gemm_, features.width);
  const float scale =
      features.width > 0 ? static_cast<float>(std::exp(static_cast<double>(*features.logitScale))) : 0;
  return {&features, scale, PackedOperand(product_.a, product_.packA, rows_.groupLines(), depths),
          PackedOperand(product_.b, product_.packB, columns_.groupLines(), depths)};
}

void ContrastiveTiles::place(char* memory) {
  for (Matrix& matrix : matrices_) {
    matrix.images.place(memory);
    memory += matrix.images.bytes();
    matrix.texts.place(memory);
    memory += matrix.texts.bytes();
  }
}

void ContrastiveTiles::packImages(int64_t block) const {
  if (kept_ != nullptr) return;
  for (int m = 0; m < matrices(); ++m) {
    const Matrix& matrix = matrices_[m];
    packBlock(rows_, block, matrix.features->image, matrix.features->width, matrix.images);
  }
}

void ContrastiveTiles::packTexts(int64_t block) const {
  if (kept_ != nullptr) return;
  for (int m = 0; m < matrices(); ++m) {
    const Matrix& matrix = matrices_[m];
    packBlock(columns_, block, matrix.features->text, matrix.features->width, matrix.texts);
  }
}

float ContrastiveTiles::fill(int which, int64_t i, int64_t j, float* scores, float* rowMost,
                             float* columnMost) const {
  const ContrastiveTile made = tile(i, j);
  if (kept_ != nullptr) {
    const float* from = kept_ + (which * call_.rows + rows_.blocks.first(i)) * call_.columns;
    from += columns_.blocks.first(j);
    for (int64_t r = 0; r < made.rows; ++r) {
      std::memcpy(scores + r * made.stride, from + r * call_.columns,
                  static_cast<size_t>(made.columns) * sizeof(float));
    }
    return kernels_.scale(made, 1, scores, rowMost, columnMost);
  }
  const Matrix& matrix = matrices_[which];
  multiplyBlock(product_, made.rows, made.columns, matrix.images, rows_.blocks.first(i % rows_.groups.block),
                matrix.texts, columns_.blocks.first(j % columns_.groups.block), scores, made.stride);
  return kernels_.scale(made, matrix.scale, scores, rowMost, columnMost);
}

Status ContrastiveSetting::make(const ContrastiveInputs& call) {
  VLLTR_RETURN_IF_ERROR(gemmKernels(&gemm));
  kernels = &kKernels.of(gemm->isa);
  VLLTR_RETURN_IF_ERROR(ThreadPool::shared(&pool));
  try {
    VLLTR_RETURN_IF_ERROR(makeContrastiveClasses(call, &classes));
  } catch (const std::bad_alloc&) {
    return Status(Code::kResourceExhausted, "contrastive: no memory for the labels");
  }
  if (slots.make(pool->threads())) return Status();
  return Status(Code::kResourceExhausted, "contrastive: no memory for the threads' list");
}

}  // namespace vlltr
