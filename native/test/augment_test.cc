// Changes of views where the result is plain, on odd sizes down to a single pixel; lib's formulas are
// compared to the bit in test/parity/augment.test.ts.
#include "vlltr/augment.h"

#include <cmath>
#include <vector>

#include "check.h"
#include "vlltr/isa.h"

namespace {

using Bytes = std::vector<uint8_t>;
constexpr uint8_t kFill[3] = {1, 2, 3};

/** Of exactly its size, so that a sanitizer sees what is read behind it. */
Bytes picture(int64_t size) {
  Bytes pixels(static_cast<size_t>(size * size * 3));
  uint32_t state = 7;
  for (uint8_t& v : pixels) v = static_cast<uint8_t>((state = state * 1664525u + 1013904223u) >> 24);
  return pixels;
}

void movesByWholePixels(int64_t size) {
  const Bytes from = picture(size);
  for (const int64_t by : {0, 1, -2, 1000}) {
    Bytes across(from.size()), down(from.size()), other(from.size());
    CHECK_OK(vlltr::slideView({from.data(), size, across.data()}, 0, static_cast<double>(by), false, kFill));
    CHECK_OK(vlltr::slideView({from.data(), size, down.data()}, 0, static_cast<double>(by), true, kFill));
    const double coefficients[6] = {1, 0, static_cast<double>(by), 0, 1, 0};
    CHECK_OK(vlltr::affineView({from.data(), size, other.data()}, coefficients, kFill));
    CHECK(other == across);
    for (int64_t y = 0; y < size; ++y) {
      for (int64_t x = 0; x < size; ++x) {
        for (int64_t c = 0; c < 3; ++c) {
          const auto at = static_cast<size_t>((y * size + x) * 3 + c);
          const bool inX = x + by >= 0 && x + by < size, inY = y + by >= 0 && y + by < size;
          CHECK(across[at] == (inX ? from[at + static_cast<size_t>(3 * by)] : kFill[c]));
          CHECK(down[at] == (inY ? from[at + static_cast<size_t>(3 * by * size)] : kFill[c]));
        }
      }
    }
  }
}

void turnsAround(int64_t size) {
  const Bytes from = picture(size);
  Bytes out(from.size());
  const auto side = static_cast<double>(size);
  const double coefficients[6] = {-1, 0, side, 0, -1, side};
  CHECK_OK(vlltr::affineView({from.data(), size, out.data()}, coefficients, kFill));
  const int64_t pixels = size * size;
  for (int64_t i = 0; i < 3 * pixels; ++i) {
    CHECK(out[static_cast<size_t>(i)] == from[static_cast<size_t>((pixels - 1 - i / 3) * 3 + i % 3)]);
  }
}

void blends(int64_t size) {
  const Bytes from = picture(size);
  Bytes out(from.size());
  for (const auto plain : {vlltr::Plain::kGrey, vlltr::Plain::kSmooth}) {
    CHECK_OK(vlltr::blendView({from.data(), size, out.data()}, plain, 1));
    CHECK(out == from);
  }
  CHECK_OK(vlltr::blendView({from.data(), size, out.data()}, vlltr::Plain::kGrey, 0));
  for (size_t i = 0; i < out.size(); i += 3) {
    const double luma = 0.299 * from[i] + 0.587 * from[i + 1] + 0.114 * from[i + 2];
    CHECK(std::abs(out[i] - luma) < 0.51 && out[i + 1] == out[i] && out[i + 2] == out[i]);
  }
  CHECK_OK(vlltr::blendView({from.data(), size, out.data()}, vlltr::Plain::kSmooth, 0));
  for (int64_t y = 0; y < size; ++y) {
    for (int64_t x = 0; x < size; ++x) {
      const auto at = static_cast<size_t>((y * size + x) * 3);
      if (x == 0 || y == 0 || x == size - 1 || y == size - 1) {
        CHECK(out[at] == from[at]);
        continue;
      }
      double sum = 4 * from[at];
      for (int64_t k = 0; k < 9; ++k)
        sum += from[static_cast<size_t>(((y + k / 3 - 1) * size + x + k % 3 - 1) * 3)];
      CHECK(out[at] == std::lround(sum / 13));
    }
  }
}

void countsAndMaps(int64_t size) {
  const Bytes from = picture(size);
  std::vector<int32_t> counts(1024);
  CHECK_OK(vlltr::countView(from.data(), size * size, counts.data()));
  for (int c = 0; c < 4; ++c) {
    int64_t sum = 0;
    for (int v = 0; v < 256; ++v) sum += counts[static_cast<size_t>(256 * c + v)];
    CHECK(sum == size * size);
  }
  CHECK(counts[from[0]] > 0 && counts[256 + from[1]] > 0 && counts[512 + from[2]] > 0);
  Bytes tables(768), out(from.size());
  std::vector<float> wide(768), normal(from.size());
  for (size_t i = 0; i < 768; ++i) {
    tables[i] = static_cast<uint8_t>(i % 256 + i / 256);
    wide[i] = static_cast<float>(i);
  }
  CHECK_OK(vlltr::mapView(from.data(), size * size, tables.data(), out.data()));
  CHECK_OK(vlltr::normaliseView(from.data(), size * size, wide.data(), normal.data()));
  for (size_t i = 0; i < from.size(); ++i) {
    CHECK(out[i] == static_cast<uint8_t>(from[i] + i % 3));
    CHECK(normal[i] == static_cast<float>(from[i] + 256 * (i % 3)));
  }
}

void noiseStaysInItsBox() {
  // Radius and cosine tell the words: Philox4x32-10 of counter 0 and key 0 begins 6627e8d5 e169c58d bc57ac4c
  // 9b00dbd8.
  std::vector<float> radii(vlltr::kNoiseRadii), cosines(vlltr::kNoiseAngles, 1);
  for (size_t i = 0; i < radii.size(); ++i) radii[i] = static_cast<float>(i);
  constexpr int64_t size = 5;
  std::vector<float> view(size * size * 3, -1);
  vlltr::NoiseBox box{view.data(), size, 3, 1, 2, 4, {0, 0}, radii.data(), cosines.data()};
  CHECK_OK(vlltr::fillNoise(box));
  const uint32_t words[] = {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8};
  int64_t value = 0;
  for (int64_t y = 0; y < size; ++y) {
    for (int64_t i = 0; i < size * 3; ++i) {
      const float got = view[static_cast<size_t>(y * size * 3 + i)];
      if (y < 1 || i < 9) {
        CHECK(got == -1);
      } else if (value++ < 8) {
        CHECK(got == static_cast<float>(words[(value - 1) / 2] >> 18));
      } else {
        CHECK(got >= 0);
      }
    }
  }
  // The angle: cosine, and sine a quarter behind it.
  for (size_t i = 0; i < cosines.size(); ++i) cosines[i] = static_cast<float>(i);
  for (float& radius : radii) radius = 1;
  CHECK_OK(vlltr::fillNoise(box));
  const float first = static_cast<float>(words[0] >> 6 & 4095),
              second = static_cast<float>(((words[0] >> 6) + 3072) & 4095);
  CHECK(view[size * 3 + 9] == first && view[size * 3 + 10] == second);
  box.width = 3;
  checkRefused(vlltr::fillNoise(box), "outside");
}

void refusesWhatIsOutOfRange() {
  const Bytes from = picture(3);
  Bytes out(from.size());
  const vlltr::View view{from.data(), 3, out.data()};
  checkRefused(vlltr::slideView({from.data(), 0, out.data()}, 0, 0, true, kFill), "size is 0");
  checkRefused(vlltr::slideView({from.data(), 1 << 15, out.data()}, 0, 0, true, kFill), "size is 32768");
  checkRefused(vlltr::slideView(view, 0, 2e6, true, kFill), "shift");
  checkRefused(vlltr::slideView({nullptr, 3, out.data()}, 0, 0, true, kFill), "pixels");
  checkRefused(vlltr::blendView(view, vlltr::Plain::kGrey, std::nan("")), "factor");
  checkRefused(vlltr::blendView({from.data(), 3, const_cast<uint8_t*>(from.data())}, vlltr::Plain::kGrey, 1),
               "overlap");
  const double coefficients[6] = {1, 0, 0, 0, 1, 1e300};
  checkRefused(vlltr::affineView(view, coefficients, kFill), "coefficient");
  std::vector<int32_t> counts(1024);
  checkRefused(vlltr::countView(from.data(), -1, counts.data()), "-1 pixels");
}

}  // namespace

int main() {
  isaOrSkip();
  for (const int64_t size : {1, 2, 3, 4, 7, 16, 33}) {
    movesByWholePixels(size);
    turnsAround(size);
    blends(size);
    countsAndMaps(size);
  }
  noiseStaysInItsBox();
  refusesWhatIsOutOfRange();
  return 0;
}
