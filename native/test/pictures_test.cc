// The JPEG decoder, where there is one, against what Pillow reads, whole and in parts, and on damaged files;
// resampling where its result is plain.
#include "vlltr/pictures.h"

#include <cstring>
#include <vector>

#include "check.h"
#include "small_jpeg.h"
#include "vlltr/isa.h"

namespace {

constexpr int64_t kWidth = 21, kHeight = 14;
using Bytes = std::vector<uint8_t>;

/** Decodes a part; empty where the decoder leaves the file to others. */
Bytes decoded(const Bytes& file, int64_t left, int64_t top, int64_t width, int64_t height,
              int64_t shrink = 1) {
  Bytes rgb(static_cast<size_t>(width * height * 3));
  vlltr::JpegDecode call{file.data(), static_cast<int64_t>(file.size()), left, top, width, height, rgb.data(),
                         shrink};
  CHECK_OK(vlltr::decodeJpeg(&call));
  return call.decoded ? rgb : Bytes();
}

void partsAreThoseOfTheWhole(const Bytes& file) {
  const Bytes whole = decoded(file, 0, 0, kWidth, kHeight);
  CHECK(whole == Bytes(kRgb, kRgb + sizeof kRgb));
  for (int64_t left = 0; left < kWidth; left += 5) {
    for (int64_t top = 0; top < kHeight; top += 3) {
      const int64_t width = (kWidth - left + 1) / 2, height = (kHeight - top + 1) / 2;
      const Bytes part = decoded(file, left, top, width, height);
      for (int64_t y = 0; y < height; ++y) {
        CHECK(std::memcmp(part.data() + y * width * 3, whole.data() + ((top + y) * kWidth + left) * 3,
                          static_cast<size_t>(width * 3)) == 0);
      }
    }
  }
}

void damagedFilesAreSurvived(const Bytes& file) {
  uint64_t state = 12345;
  const auto bits = [&state] {
    return (state = state * 6364136223846793005ull + 1442695040888963407ull) >> 33;
  };
  for (int round = 0; round < 4000; ++round) {
    Bytes bad = file;
    if (round % 3 == 0) bad.resize(bits() % bad.size());
    for (int k = 0; k < 3 && !bad.empty(); ++k) bad[bits() % bad.size()] = static_cast<uint8_t>(bits());
    decoded(bad, 0, 0, kWidth, kHeight);
    decoded(bad, 0, 0, kWidth / 4, kHeight / 4, 4);
  }
  CHECK(decoded(Bytes(file.begin(), file.end() - 70), 0, 0, 1, 1).empty());
  CHECK(decoded(file, 1, 0, kWidth, kHeight).empty());
}

void resamplesPlainPictures() {
  const Bytes picture(kRgb, kRgb + sizeof kRgb);
  Bytes same(picture.size());
  CHECK_OK(vlltr::resamplePicture(
      {picture.data(), kHeight, kWidth, 0, 0, kWidth, kHeight, kWidth, kHeight, same.data()}));
  CHECK(same == picture);
  const Bytes flat(static_cast<size_t>(kWidth * kHeight * 3), 77);
  for (const int64_t size : {1, 5, 40}) {
    Bytes out(static_cast<size_t>(size * size * 3));
    CHECK_OK(vlltr::resamplePicture({flat.data(), kHeight, kWidth, 2, 1, 9, 11, size, size, out.data()}));
    CHECK(out == Bytes(out.size(), 77));
  }
  checkRefused(vlltr::resamplePicture({flat.data(), kHeight, kWidth, 13, 0, 9, 11, 4, 4, same.data()}),
               "outside");
  checkRefused(vlltr::resamplePicture({flat.data(), kHeight, kWidth, 0, 0, 0, 11, 4, 4, same.data()}),
               "size");
}

}  // namespace

int main() {
  isaOrSkip();
  const Bytes file(kJpeg, kJpeg + sizeof kJpeg);
  if (*vlltr::jpegLibrary()) {
    partsAreThoseOfTheWhole(file);
    damagedFilesAreSurvived(file);
  } else {
    CHECK(decoded(file, 0, 0, kWidth, kHeight).empty());
  }
  resamplesPlainPictures();
  return 0;
}
