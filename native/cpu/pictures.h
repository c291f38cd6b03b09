#pragma once

#include <cstdint>

#include "vlltr/isa_kind.h"

namespace vlltr {

/** Binary places of the weights of a resampling. */
constexpr int32_t kResamplePlaces = 22;

/** Lines of pictures on one instruction set. Whole numbers only: all give the same. */
struct PictureKernels {
  Isa isa;
  /**
   * Rows of pixels, `line` bytes apart, to `n` pixels each, one behind the other: pixel i (counted from the
   * right where `mirrored`) from `count[i]` ones from `first[i]` on, weights[i * stride] …. A byte behind
   * `in` may be read.
   */
  void (*across)(const uint8_t* in, int64_t line, int64_t rows, const int32_t* first, const int32_t* count,
                 const int32_t* weights, int64_t stride, int64_t n, bool mirrored, uint8_t* out);
  /** A row of n bytes from `count` rows, n bytes apart. */
  void (*down)(const uint8_t* in, const int32_t* weights, int64_t count, int64_t n, uint8_t* out);
};

extern const PictureKernels kPicturesAvx512Bf16;
extern const PictureKernels kPicturesAvx512;
extern const PictureKernels kPicturesAvx2;
extern const PictureKernels kPicturesGeneric;

}  // namespace vlltr
