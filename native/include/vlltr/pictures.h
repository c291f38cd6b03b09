#pragma once

#include <cstdint>

#include "vlltr/status.h"

namespace vlltr {

/** The library that JPEGs are decoded by, and its version; empty in a build that decodes none. */
const char* jpegLibrary();

/**
 * The part (left, top, width, height) of a JPEG as RGB [height, width, 3], with the bits of the whole
 * decoded. Parts below and beside it are not computed. Taken: whatever libjpeg-turbo reads without a warning,
 * but for CMYK and arithmetic coding.
 */
struct JpegDecode {
  const uint8_t* data = nullptr;  // [size]
  int64_t size = 0;
  // Inside the picture (shrunk: of floor(its size / shrink)), width and height >= 1.
  int64_t left = 0, top = 0, width = 0, height = 0;
  uint8_t* rgb = nullptr;  // [height, width, 3]
  // 1, or 2, 4 or 8: the picture is shrunk by so much as it is decoded (inverse transforms of fewer points).
  int64_t shrink = 1;
  // Whether it was decoded. If not, another decoder is to be asked: the file is of another kind or damaged,
  // or this build has no libjpeg-turbo, and `rgb` is of no meaning.
  bool decoded = false;
};

/** kInvalidArgument: a null array, an overlap, or numbers that are of no part of a JPEG. */
Status decodeJpeg(JpegDecode* call);

/**
 * Bicubic resampling of a part of an RGB picture, antialiased where it shrinks: Pillow's, to the bit (weights
 * of 22 binary places, rows first, rounded to bytes, then columns).
 */
struct PictureResample {
  const uint8_t* pixels = nullptr;  // [rows, stride, 3]
  int64_t rows = 0, stride = 0;     // of the whole picture, in pixels
  int64_t left = 0, top = 0, width = 0, height = 0;
  int64_t toWidth = 0, toHeight = 0;
  uint8_t* out = nullptr;  // [toHeight, toWidth, 3]
  bool mirrored = false;   // left to right
};

/** kInvalidArgument: a null array, an overlap, a size below 1, or a part outside of the picture;
 * kUnavailable: VLLTR_ISA. */
Status resamplePicture(const PictureResample& call);

}  // namespace vlltr
