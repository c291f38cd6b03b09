#pragma once

#include <cstdint>

#include "vlltr/isa_kind.h"

namespace vlltr {
namespace {

/** Of four taps around a position with fraction f: cubic convolution with a = -1, as Pillow's transforms have
 * it. */
inline void cubicWeights(double f, double* out) {
  out[0] = ((2 - f) * f - 1) * f;
  out[1] = (f - 2) * f * f + 1;
  out[2] = ((1 - f) * f + 1) * f;
  out[3] = (f - 1) * f * f;
}

}  // namespace

/** A line of pixels that is moved along itself. */
struct SlidLine {
  double weights[4];  // of the four taps, from pixel x + whole - 1 on
  double move;
  int64_t whole;  // floor(move)
};

/**
 * Changes of square RGB pictures on one instruction set; all give the same bits. `in` [size, size, 3] has a
 * byte that may be read behind it, but for blendSmooth.
 */
struct AugmentKernels {
  Isa isa;
  /** `nearest` [-2 .. size + 1]: the nearest line or column inside. */
  void (*affine)(const uint8_t* in, int64_t size, const double* coefficients, const uint8_t* fill,
                 const int32_t* nearest, uint8_t* out);
  /** `lines` [size] are rows, or columns where `down`. */
  void (*slide)(const uint8_t* in, int64_t size, const SlidLine* lines, bool down, const uint8_t* fill,
                const int32_t* nearest, uint8_t* out);
  void (*blendGrey)(const uint8_t* in, int64_t pixels, double factor, uint8_t* out);
  void (*blendSmooth)(const uint8_t* in, int64_t size, double factor, uint8_t* out);
};

extern const AugmentKernels kAugmentAvx512Bf16;
extern const AugmentKernels kAugmentAvx512;
extern const AugmentKernels kAugmentAvx2;
extern const AugmentKernels kAugmentGeneric;

}  // namespace vlltr
