#include "vlltr/pictures.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <string>
#include <vector>

#include "cpu/pictures.h"
#include "cpu/select.h"
#include "ops/arguments.h"
#include "ops/jpeg.h"
#include "vlltr/isa.h"

namespace vlltr {
namespace {

constexpr KernelSet<PictureKernels> kKernels = VLLTR_KERNEL_SET(kPictures);

/** Keys' cubic convolution with a = -1/2. */
double cubic(double x) {
  const double t = std::abs(x);
  if (t < 1) return (1.5 * t - 2.5) * t * t + 1;
  return t < 2 ? ((-0.5 * t + 2.5) * t - 4) * t + 2 : 0;
}

/** Where each pixel of a line comes from, and with what weights. */
struct Taps {
  std::vector<int32_t> first, count, weights;
  int64_t stride;

  Taps(int64_t from, int64_t to) {
    const double scale = static_cast<double>(from) / static_cast<double>(to);
    const double spread = std::max(scale, 1.0), support = 2 * spread;
    stride = static_cast<int64_t>(std::ceil(support)) * 2 + 1;
    first.resize(static_cast<size_t>(to));
    count.resize(static_cast<size_t>(to));
    weights.resize(static_cast<size_t>(to * stride));
    std::vector<double> exact(static_cast<size_t>(stride));
    for (int64_t i = 0; i < to; ++i) {
      const double centre = (static_cast<double>(i) + 0.5) * scale;
      const auto begin = std::max<int64_t>(0, static_cast<int64_t>(centre - support + 0.5));
      const auto end = std::min<int64_t>(from, static_cast<int64_t>(centre + support + 0.5));
      double sum = 0;
      for (int64_t j = begin; j < end; ++j) {
        const double w = cubic((static_cast<double>(j) - centre + 0.5) / spread);
        exact[static_cast<size_t>(j - begin)] = w;
        sum += w;
      }
      for (int64_t j = 0; j < end - begin; ++j) {
        const double w = exact[static_cast<size_t>(j)] / sum * (1 << kResamplePlaces);
        weights[static_cast<size_t>(i * stride + j)] = static_cast<int32_t>(w < 0 ? w - 0.5 : w + 0.5);
      }
      first[static_cast<size_t>(i)] = static_cast<int32_t>(begin);
      count[static_cast<size_t>(i)] = static_cast<int32_t>(end - begin);
    }
  }
};

}  // namespace

Status decodeJpeg(JpegDecode* call) {
  call->decoded = false;
  if (call->shrink != 1 && call->shrink != 2 && call->shrink != 4 && call->shrink != 8) {
    return invalidArgument("decodeJpeg: shrink is " + std::to_string(call->shrink) +
                           ", expected 1, 2, 4 or 8");
  }
  if (call->size < 0 || call->left < 0 || call->top < 0 || call->width < 1 || call->height < 1 ||
      call->left > 65535 || call->top > 65535 || call->width > 65535 || call->height > 65535) {
    return invalidArgument("decodeJpeg: the part is (" + std::to_string(call->left) + ", " +
                           std::to_string(call->top) + ", " + std::to_string(call->width) + ", " +
                           std::to_string(call->height) + "), expected whole numbers of a JPEG's range");
  }
  VLLTR_RETURN_IF_ERROR(checkSpans("decodeJpeg", {span("data", call->data, call->size)},
                                   {span("rgb", call->rgb, call->width * call->height * 3)}));
  call->decoded = readJpeg(*call);
  return Status();
}

Status resamplePicture(const PictureResample& call) {
  constexpr int64_t most = 1 << 20;
  for (const int64_t size : {call.rows, call.stride, call.width, call.height, call.toWidth, call.toHeight}) {
    if (size < 1 || size > most) return invalidArgument("resamplePicture: a size is below 1 or above 2^20");
  }
  if (call.left < 0 || call.top < 0 || call.left + call.width > call.stride ||
      call.top + call.height > call.rows) {
    return invalidArgument("resamplePicture: the part lies outside of the picture");
  }
  VLLTR_RETURN_IF_ERROR(checkSpans("resamplePicture",
                                   {span("pixels", call.pixels, call.rows * call.stride * 3)},
                                   {span("out", call.out, call.toWidth * call.toHeight * 3)}));
  Isa isa;
  VLLTR_RETURN_IF_ERROR(chosenIsa(&isa));
  const PictureKernels& kernels = kKernels.of(isa);
  try {
    const Taps across(call.width, call.toWidth), down(call.height, call.toHeight);
    const int64_t line = call.toWidth * 3;
    std::vector<uint8_t> rows(static_cast<size_t>(call.height * line));
    const auto resampleRows = [&](const uint8_t* in, int64_t from, int64_t count) {
      kernels.across(in, call.stride * 3, count, across.first.data(), across.count.data(),
                     across.weights.data(), across.stride, call.toWidth, call.mirrored,
                     rows.data() + from * line);
    };
    const uint8_t* part = call.pixels + (call.top * call.stride + call.left) * 3;
    const int64_t last = call.height - 1;
    resampleRows(part, 0, last);
    // Behind the last row the picture may end, and a byte more is read.
    const uint8_t* lastRow = part + last * call.stride * 3;
    std::vector<uint8_t> padded(lastRow, lastRow + call.width * 3);
    padded.push_back(0);
    resampleRows(padded.data(), last, 1);
    for (int64_t y = 0; y < call.toHeight; ++y) {
      const auto at = static_cast<size_t>(y);
      kernels.down(rows.data() + down.first[at] * line, down.weights.data() + y * down.stride, down.count[at],
                   line, call.out + y * line);
    }
  } catch (const std::exception&) {
    return Status(Code::kResourceExhausted, "resamplePicture: no memory for the rows");
  }
  return Status();
}

}  // namespace vlltr
