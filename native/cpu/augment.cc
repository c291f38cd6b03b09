// Pixels in float64, their three channels side by side; see augment.h. Compiled with -ffp-contract=off, so
// that every instruction set, and TypeScript, gives the same bits.
#include "cpu/augment.h"

#include <cstring>

#include "cpu/pixel.h"

namespace vlltr {
namespace {

typedef double WidePixel __attribute__((vector_size(32)));

inline WidePixel wide(Pixel pixel) { return __builtin_convertvector(pixel, WidePixel); }
inline WidePixel widePixelAt(const uint8_t* at) { return wide(pixelAt(at)); }

/** Cut off to bytes; of values that an int32 holds. */
inline void storeWide(uint8_t* out, WidePixel pixel) {
  storePixel(out, __builtin_convertvector(pixel, Pixel));
}

/** Of numbers that an int64 holds. */
inline int64_t floorOf(double v) {
  const auto whole = static_cast<int64_t>(v);
  return whole - (v < static_cast<double>(whole));
}

void affine(const uint8_t* in, int64_t size, const double* coefficients, const uint8_t* fill,
            const int32_t* nearest, uint8_t* out) {
  const double a = coefficients[0], b = coefficients[1], c = coefficients[2];
  const double d = coefficients[3], e = coefficients[4], f = coefficients[5];
  const auto side = static_cast<double>(size);
  for (int64_t y = 0; y < size; ++y) {
    const double v = static_cast<double>(y) + 0.5;
    for (int64_t x = 0; x < size; ++x, out += 3) {
      const double u = static_cast<double>(x) + 0.5;
      const double sx = a * u + b * v + c, sy = d * u + e * v + f;
      if (!(sx >= 0 && sy >= 0 && sx < side && sy < side)) {
        std::memcpy(out, fill, 3);
        continue;
      }
      const int64_t x0 = floorOf(sx - 0.5), y0 = floorOf(sy - 0.5);
      double wx[4], wy[4];
      cubicWeights(sx - 0.5 - static_cast<double>(x0), wx);
      cubicWeights(sy - 0.5 - static_cast<double>(y0), wy);
      const int32_t* column = nearest + x0 - 1;
      const int32_t* line = nearest + y0 - 1;
      WidePixel sum = {};
      for (int j = 0; j < 4; ++j) {
        const uint8_t* row = in + line[j] * size * 3;
        const double w = wy[j];
        sum += w * wx[0] * widePixelAt(row + column[0] * 3) + w * wx[1] * widePixelAt(row + column[1] * 3) +
               w * wx[2] * widePixelAt(row + column[2] * 3) + w * wx[3] * widePixelAt(row + column[3] * 3);
      }
      storeWide(out, sum);
    }
  }
}

template <bool kDown>
void slideLines(const uint8_t* in, int64_t size, const SlidLine* lines, const uint8_t* fill,
                const int32_t* nearest, uint8_t* out) {
  const auto side = static_cast<double>(size);
  const int64_t along = kDown ? size * 3 : 3, across = kDown ? 3 : size * 3;
  for (int64_t y = 0; y < size; ++y) {
    for (int64_t x = 0; x < size; ++x, out += 3) {
      const int64_t k = kDown ? x : y, at = kDown ? y : x;
      const SlidLine& line = lines[k];
      const double centre = static_cast<double>(at) + 0.5 + line.move;
      if (!(centre >= 0 && centre < side)) {
        std::memcpy(out, fill, 3);
        continue;
      }
      const int32_t* tap = nearest + at + line.whole - 1;
      const uint8_t* from = in + k * across;
      storeWide(out, line.weights[0] * widePixelAt(from + tap[0] * along) +
                         line.weights[1] * widePixelAt(from + tap[1] * along) +
                         line.weights[2] * widePixelAt(from + tap[2] * along) +
                         line.weights[3] * widePixelAt(from + tap[3] * along));
    }
  }
}

void slide(const uint8_t* in, int64_t size, const SlidLine* lines, bool down, const uint8_t* fill,
           const int32_t* nearest, uint8_t* out) {
  (down ? slideLines<true> : slideLines<false>)(in, size, lines, fill, nearest, out);
}

void blendGrey(const uint8_t* in, int64_t pixels, double factor, uint8_t* out) {
  for (int64_t i = 0; i < 3 * pixels; i += 3) {
    const int32_t luma = (in[i] * 19595 + in[i + 1] * 38470 + in[i + 2] * 7471 + 0x8000) >> 16;
    const Pixel grey = Pixel{} + luma;
    storeWide(out + i, wide(grey) + factor * wide(pixelAt(in + i) - grey));
  }
}

/** sum / 13 to the nearest whole number (there are no ties), of the bytes' sum with weights of 13 in all. */
constexpr int32_t thirteenth(int32_t sum) { return ((2 * sum + 13) * 10083) >> 18; }

constexpr bool isThirteenth() {
  for (int32_t sum = 0; sum <= 13 * 255; ++sum) {
    if (thirteenth(sum) != (2 * sum + 13) / 26) return false;
  }
  return true;
}
static_assert(isThirteenth());

void blendSmooth(const uint8_t* in, int64_t size, double factor, uint8_t* out) {
  const int64_t line = size * 3;
  std::memcpy(out, in, static_cast<size_t>(line * size));
  for (int64_t y = 1; y < size - 1; ++y) {
    const uint8_t *up = in + (y - 1) * line, *here = up + line, *down = here + line;
    uint8_t* to = out + y * line;
    for (int64_t i = 3; i < line - 3; ++i) {
      const int32_t sum = up[i - 3] + up[i] + up[i + 3] + here[i - 3] + 5 * here[i] + here[i + 3] +
                          down[i - 3] + down[i] + down[i + 3];
      const int32_t plain = thirteenth(sum);
      const auto v = static_cast<int32_t>(plain + factor * (here[i] - plain));
      to[i] = static_cast<uint8_t>(v < 0 ? 0 : v > 255 ? 255 : v);
    }
  }
}

}  // namespace

extern constexpr AugmentKernels VLLTR_FOR_ISA(kAugment) = {Isa::VLLTR_FOR_ISA(k), affine, slide, blendGrey,
                                                           blendSmooth};

}  // namespace vlltr
