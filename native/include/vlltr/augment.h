#pragma once

#include <cstdint>

#include "vlltr/status.h"

namespace vlltr {

/**
 * The pixels of training views: what RandAugment, normalisation and random erasing do to a square RGB
 * picture, with the draws made. Whatever is computed in float64 is so in a fixed order and without fused
 * multiply-adds: lib/training has the same formulas, and they give the same bits.
 */

/** kInvalidArgument of all that follow: a null array, an overlap, or numbers outside of what is said. */
struct View {
  const uint8_t* pixels = nullptr;  // [size, size, 3]
  int64_t size = 0;                 // 1 .. 2^14
  uint8_t* out = nullptr;           // [size, size, 3]
};

/** How often each byte is met in red, green, blue and the luma of `count` pixels; at most 2^28. */
Status countView(const uint8_t* pixels, int64_t count, int32_t* counts /* [4, 256] */);

/** Each byte of `count` pixels through its channel's table. */
Status mapView(const uint8_t* pixels, int64_t count, const uint8_t* tables /* [3, 256] */, uint8_t* out);

/** What a view is blended with: each pixel's luma (ITU-R 601), or its neighbourhood smoothed (1 1 1, 1 5 1,
 * 1 1 1; not on the frame, which stays as it is). */
enum class Plain { kGrey, kSmooth };

/** plain + factor (v - plain), cut off to a byte; |factor| <= 2^16. */
Status blendView(const View& view, Plain plain, double factor);

/**
 * Each pixel (x, y) from (a x + b y + c, d x + e y + f) of the picture, in coordinates of pixels' corners, by
 * cubic convolution (a = -1) cut off to a byte; `fill` where that lies outside. |coefficients| <= 2^20.
 */
Status affineView(const View& view, const double coefficients[6], const uint8_t fill[3]);

/**
 * Rows moved along themselves, row k by slope (k + 1/2) + shift pixels (columns where `down`), as affineView
 * with four taps a pixel. |slope|, |shift| <= 2^20.
 */
Status slideView(const View& view, double slope, double shift, bool down, const uint8_t fill[3]);

/** out = its channel's table of each byte of `count` pixels. */
Status normaliseView(const uint8_t* pixels, int64_t count, const float* tables /* [3, 256] */, float* out);

/** Sizes of the tables that noise is made of. */
constexpr int64_t kNoiseRadii = 1 << 14, kNoiseAngles = 1 << 12;

/**
 * A box of a normalised view [size, size, 3] filled with noise, value after value (rows, pixels, channels),
 * two a word of Philox4x32-10 (key, counter from 0 on): radii[word's upper 14 bits] times the cosine, then
 * the sine, of the angle numbered by the next 12.
 */
struct NoiseBox {
  float* view = nullptr;
  int64_t size = 0;
  int64_t left = 0, top = 0, width = 0, height = 0;  // inside
  uint32_t key[2] = {0, 0};
  const float* radii = nullptr;    // [kNoiseRadii]
  const float* cosines = nullptr;  // [kNoiseAngles], once around: cos x is sin of a quarter more
};

Status fillNoise(const NoiseBox& box);

}  // namespace vlltr
