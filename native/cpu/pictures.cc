// Sums of weighted bytes in whole numbers; see pictures.h.
#include "cpu/pictures.h"

#include "cpu/pixel.h"

namespace vlltr {
namespace {

constexpr int32_t kHalf = 1 << (kResamplePlaces - 1);
constexpr int64_t kLanes = simd::kFloats;
typedef uint8_t LaneBytes __attribute__((vector_size(VLLTR_VECTOR_BYTES / 4)));

template <int kRows>
void acrossRows(const uint8_t* in, int64_t line, const int32_t* first, const int32_t* count,
                const int32_t* weights, int64_t stride, int64_t n, bool mirrored, uint8_t* out) {
  for (int64_t i = 0; i < n; ++i, weights += stride) {
    const uint8_t* at = in + 3 * first[i];
    Pixel sums[kRows];
    for (Pixel& sum : sums) sum = Pixel{} + kHalf;
    for (int32_t k = 0; k < count[i]; ++k, at += 3) {
      for (int y = 0; y < kRows; ++y) sums[y] += weights[k] * pixelAt(at + y * line);
    }
    uint8_t* to = out + (mirrored ? n - 1 - i : i) * 3;
    for (int y = 0; y < kRows; ++y) storePixel(to + y * n * 3, sums[y] >> kResamplePlaces);
  }
}

void across(const uint8_t* in, int64_t line, int64_t rows, const int32_t* first, const int32_t* count,
            const int32_t* weights, int64_t stride, int64_t n, bool mirrored, uint8_t* out) {
  int64_t y = 0;
  for (; y + 4 <= rows; y += 4) {
    acrossRows<4>(in + y * line, line, first, count, weights, stride, n, mirrored, out + y * n * 3);
  }
  for (; y < rows; ++y) {
    acrossRows<1>(in + y * line, line, first, count, weights, stride, n, mirrored, out + y * n * 3);
  }
}

/** kLanes bytes as whole numbers. */
inline simd::IntVector lanesAt(const uint8_t* at) {
#if defined(__AVX512F__)
  return simd::IntVector(
      _mm512_maskz_cvtepu8_epi32(0xffff, _mm_loadu_si128(reinterpret_cast<const __m128i*>(at))));
#elif defined(__AVX2__)
  return simd::IntVector(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(at))));
#else
  return __builtin_convertvector(simd::load<LaneBytes>(at), simd::IntVector);
#endif
}

inline uint8_t byte(int32_t v) { return static_cast<uint8_t>(v < 0 ? 0 : v > 255 ? 255 : v); }

void down(const uint8_t* in, const int32_t* weights, int64_t count, int64_t n, uint8_t* out) {
  constexpr int64_t kVectors = 4;
  int64_t i = 0;
  for (; i + kVectors * kLanes <= n; i += kVectors * kLanes) {
    simd::IntVector sums[kVectors];
    for (simd::IntVector& sum : sums) sum = simd::IntVector{} + kHalf;
    for (int64_t k = 0; k < count; ++k) {
      const uint8_t* at = in + k * n + i;
      for (int64_t v = 0; v < kVectors; ++v) sums[v] += weights[k] * lanesAt(at + v * kLanes);
    }
    int32_t whole[kVectors * kLanes];
    memcpy(whole, sums, sizeof whole);
    for (int64_t v = 0; v < kVectors * kLanes; ++v) out[i + v] = byte(whole[v] >> kResamplePlaces);
  }
  for (; i < n; ++i) {
    int32_t sum = kHalf;
    for (int64_t k = 0; k < count; ++k) sum += weights[k] * in[k * n + i];
    out[i] = byte(sum >> kResamplePlaces);
  }
}

}  // namespace

extern constexpr PictureKernels VLLTR_FOR_ISA(kPictures) = {Isa::VLLTR_FOR_ISA(k), across, down};

}  // namespace vlltr
