#pragma once

#include <stdint.h>

#include "vlltr/isa_kind.h"

namespace vlltr {

/**
 * One class against a tile of images: arrays are [anchors, columns], an image a column, so that all images of
 * a vector go through the softmax at once. `columns` is a multiple of the vectors' length.
 */
struct AnchorTile {
  int64_t anchors;
  int64_t columns;
  const float* keyScale;  // [anchors]: 1 / (sigma sqrt(D))
  const float* scores;    // [anchors, 2 columns]: u T in the first half, h = <x^, T> in the second
  float* weights;         // a
  float* gramWeights;     // K a
  float* along;           // [columns]: <a, h>
  float* inverseNorm;     // [columns]: 1 / max(||G||, 1e-12)
};

/** The kernels of one instruction set. */
struct AnchorAttentionKernels {
  Isa isa;
  /** Fills `weights` and `along`. */
  void (*softmax)(const AnchorTile& tile);
  /** From `weights` and `gramWeights`: fills `inverseNorm`. */
  void (*norm)(const AnchorTile& tile);
  /**
   * What flows back, for an upstream gradient of 1 times `scale` [columns] (exp(logitScale), or times dz):
   * `dscores` [anchors, 2 columns], as `scores` lie.
   */
  void (*gradient)(const AnchorTile& tile, const float* scale, bool detachNorm, float* dscores);
  /** `rows` [rows, columns] += `row` [columns]. */
  void (*addRow)(int64_t rows, int64_t columns, const float* row, float* to);
  /** `sum` [columns] = the sum of `rows` [rows, columns] over the rows. */
  void (*sumRows)(int64_t rows, int64_t columns, const float* from, float* sum);
  /** K [rows, rows] = x xᵀ with x [rows, width], summed in float64. */
  void (*gram)(int64_t rows, int64_t width, const float* x, float* gram);
  /** bfloat16 = what is left of x [rows, width] without `mean` [width], rounded. */
  void (*narrow)(int64_t rows, int64_t width, const float* x, const float* mean, uint16_t* out);
  /** Its values in float32. */
  void (*widen)(int64_t count, const uint16_t* in, float* out);
};

extern const AnchorAttentionKernels kAnchorAttentionAvx512Bf16;
extern const AnchorAttentionKernels kAnchorAttentionAvx512;
extern const AnchorAttentionKernels kAnchorAttentionAvx2;
extern const AnchorAttentionKernels kAnchorAttentionGeneric;

}  // namespace vlltr
