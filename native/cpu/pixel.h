// The three channels of a pixel side by side, for kernels that are built once an instruction set (simd.h says
// how).
#pragma once

#include <string.h>

#include "cpu/simd.h"

namespace vlltr {
namespace {

/** Red, green, blue and whatever byte follows. */
typedef int32_t Pixel __attribute__((vector_size(16)));

/** Reads a byte more than the pixel. */
inline Pixel pixelAt(const uint8_t* at) {
#if defined(__AVX2__)
  int32_t bytes;
  memcpy(&bytes, at, 4);
  return Pixel(_mm_cvtepu8_epi32(_mm_cvtsi32_si128(bytes)));
#else
  return Pixel{at[0], at[1], at[2], at[3]};
#endif
}

/** Cut off to bytes. */
inline void storePixel(uint8_t* out, Pixel pixel) {
#if defined(__SSE2__)
  const __m128i words = _mm_packs_epi32(__m128i(pixel), __m128i(pixel));
  const int32_t bytes = _mm_cvtsi128_si32(_mm_packus_epi16(words, words));
  memcpy(out, &bytes, 3);
#else
  for (int c = 0; c < 3; ++c)
    out[c] = static_cast<uint8_t>(pixel[c] < 0 ? 0 : pixel[c] > 255 ? 255 : pixel[c]);
#endif
}

}  // namespace
}  // namespace vlltr
