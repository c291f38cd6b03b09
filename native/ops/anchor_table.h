#pragma once

#include <cstdint>
#include <vector>

#include "cpu/anchor_attention.h"
#include "cpu/gemm.h"
#include "ops/gemm_blocks.h"
#include "ops/workspace.h"
#include "vlltr/anchor_attention.h"

namespace vlltr {

/** kInvalidArgument: a bad shape or count, or an array that is null. */
Status checkAnchorTableSource(const AnchorTableSource& source);

/** A run of whole classes whose anchors are multiplied at once. */
struct AnchorBlock {
  int64_t firstClass, classes;
  int64_t firstRow, rows;  // of the anchors
};

namespace cuda {
struct AnchorTableMemory;
}

struct AnchorTable::Data {
  int64_t classes = 0, perClass = 0, width = 0;
  Precision precision = Precision::kFloat32;
  const GemmKernels* gemm = nullptr;
  const AnchorAttentionKernels* kernels = nullptr;

  std::vector<int64_t>
      firstRow;                 // [C + 1]: the anchors of class c are rows firstRow[c] to firstRow[c + 1] - 1
  std::vector<int64_t> gramAt;  // [C]: bytes
  std::vector<AnchorBlock> blocks;
  int64_t mostRows = 0, mostClasses = 0;  // of a block
  int64_t mostClassRows = 0;              // of a class
  std::vector<float> keyScale;            // [rows]: 1 / (sigma sqrt(D))
  Workspace anchors;                      // [rows, D], float32 or what is left of them in bfloat16
  Workspace means;                        // [C, D] float32, with bfloat16 only
  Workspace gram;                         // each class's matrix, packed as a float32 factor A
  int64_t bytes = 0;
  /** Where it lies on a device, with no host's: of what is above, shape, precision, rows and bytes alone. */
  std::shared_ptr<const cuda::AnchorTableMemory> device;

  int64_t rows() const { return firstRow.back(); }
  int64_t count(int64_t c) const {
    return firstRow[static_cast<size_t>(c) + 1] - firstRow[static_cast<size_t>(c)];
  }
  bool split() const { return precision == Precision::kBfloat16; }
  const GemmPrecision& product() const { return gemm->of(precision); }
  const GemmPrecision& exact() const { return gemm->of(Precision::kFloat32); }
  const float* mean(int64_t c) const { return reinterpret_cast<const float*>(means.at(0)) + c * width; }

  /** Rows of a block in float32, without the classes' means where these are apart; `scratch` is used for it
   * where they are not stored so. */
  const float* blockRows(const AnchorBlock& block, float* scratch) const {
    const int64_t at = block.firstRow * width;
    if (!split()) return reinterpret_cast<const float*>(anchors.at(0)) + at;
    kernels->widen(block.rows * width, reinterpret_cast<const uint16_t*>(anchors.at(0)) + at, scratch);
    return scratch;
  }
};

}  // namespace vlltr
