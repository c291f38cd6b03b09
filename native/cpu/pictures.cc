// Loops over bytes that the compiler makes vectors of; see pictures.h.
#include "cpu/pictures.h"

#include <cstring>

#include "cpu/simd.h"

namespace vlltr {
namespace {

inline uint8_t byte(int32_t v) { return static_cast<uint8_t>(v < 0 ? 0 : v > 255 ? 255 : v); }

constexpr int32_t kHalf = 1 << (kResamplePlaces - 1);

/** One sample of each of the rows that are resampled side by side. */
typedef int32_t Samples __attribute__((vector_size(4 * kResampleRows)));

inline Samples samplesAt(const int32_t* at) {
  Samples samples;
  std::memcpy(&samples, at, sizeof samples);
  return samples;
}

void across(const uint8_t* in, int64_t width, int64_t line, int64_t rows, const int32_t* first,
            const int32_t* count, const int32_t* weights, int64_t stride, int64_t n, bool mirrored,
            int32_t* turned, uint8_t* out) {
  const uint8_t* row[kResampleRows];
  for (int64_t y = 0; y < kResampleRows; ++y) row[y] = in + (y < rows ? y : rows - 1) * line;
  for (int64_t j = 0; j < 3 * width; ++j) {
    int32_t* to = turned + j * kResampleRows;
    for (int64_t y = 0; y < kResampleRows; ++y) to[y] = row[y][j];
  }
  for (int64_t i = 0; i < n; ++i) {
    const int32_t* w = weights + i * stride;
    const int32_t* at = turned + 3 * first[i] * kResampleRows;
    Samples r = Samples{} + kHalf, g = r, b = r;
    for (int32_t k = 0; k < count[i]; ++k, at += 3 * kResampleRows) {
      r += w[k] * samplesAt(at);
      g += w[k] * samplesAt(at + kResampleRows);
      b += w[k] * samplesAt(at + 2 * kResampleRows);
    }
    int32_t sums[3][kResampleRows];
    std::memcpy(sums[0], &r, sizeof r);
    std::memcpy(sums[1], &g, sizeof g);
    std::memcpy(sums[2], &b, sizeof b);
    const int64_t to = mirrored ? n - 1 - i : i;
    for (int64_t y = 0; y < rows; ++y) {
      for (int c = 0; c < 3; ++c) out[(y * n + to) * 3 + c] = byte(sums[c][y] >> kResamplePlaces);
    }
  }
}

void down(const uint8_t* in, const int32_t* weights, int64_t count, int64_t n, int32_t* sums, uint8_t* out) {
  for (int64_t i = 0; i < n; ++i) sums[i] = kHalf;
  int64_t k = 0;
  for (; k + 2 <= count; k += 2, in += 2 * n) {
    const int32_t a = weights[k], b = weights[k + 1];
    for (int64_t i = 0; i < n; ++i) sums[i] += a * in[i] + b * in[n + i];
  }
  if (k < count) {
    for (int64_t i = 0; i < n; ++i) sums[i] += weights[k] * in[i];
  }
  for (int64_t i = 0; i < n; ++i) out[i] = byte(sums[i] >> kResamplePlaces);
}

}  // namespace

extern constexpr PictureKernels VLLTR_FOR_ISA(kPictures) = {Isa::VLLTR_FOR_ISA(k), across, down};

}  // namespace vlltr
