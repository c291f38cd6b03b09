#include "vlltr/augment.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <exception>
#include <string>
#include <vector>

#include "cpu/augment.h"
#include "cpu/select.h"
#include "ops/arguments.h"
#include "vlltr/isa.h"

namespace vlltr {
namespace {

constexpr KernelSet<AugmentKernels> kKernels = VLLTR_KERNEL_SET(kAugment);

constexpr int64_t kMostPixels = 1 << 28;

Status checkCount(const char* op, int64_t count) {
  if (count >= 0 && count <= kMostPixels) return Status();
  return invalidArgument(std::string(op) + ": " + std::to_string(count) + " pixels, expected 0 .. 2^28");
}

Status checkSize(const char* op, int64_t size) {
  if (size >= 1 && size <= 1 << 14) return Status();
  return invalidArgument(std::string(op) + ": size is " + std::to_string(size) + ", expected 1 .. 2^14");
}

Status checkNumber(const char* op, const char* name, double value, double most) {
  if (std::abs(value) <= most) return Status();
  return invalidArgument(std::string(op) + ": " + name + " is " + std::to_string(value) +
                         ", expected within " + std::to_string(static_cast<int64_t>(most)) + " of 0");
}

Status checkView(const char* op, const View& view) {
  VLLTR_RETURN_IF_ERROR(checkSize(op, view.size));
  const int64_t bytes = view.size * view.size * 3;
  return checkSpans(op, {span("pixels", view.pixels, bytes)}, {span("out", view.out, bytes)});
}

/** A view's pixels with a byte behind them, and the nearest of its lines for each of -2 .. size + 1. */
struct Padded {
  std::vector<uint8_t> pixels;
  std::vector<int32_t> lines;

  explicit Padded(const View& view) : lines(static_cast<size_t>(view.size + 4)) {
    const auto bytes = static_cast<size_t>(view.size * view.size * 3);
    pixels.reserve(bytes + 1);
    pixels.assign(view.pixels, view.pixels + bytes);
    pixels.push_back(0);
    for (int64_t i = -2; i < view.size + 2; ++i) {
      lines[static_cast<size_t>(i + 2)] = static_cast<int32_t>(std::clamp<int64_t>(i, 0, view.size - 1));
    }
  }

  const int32_t* nearest() const { return lines.data() + 2; }
};

/** Runs `change` with the kernels in use. */
template <class Change>
Status changed(const char* op, const Change& change) {
  Isa isa;
  VLLTR_RETURN_IF_ERROR(chosenIsa(&isa));
  try {
    change(kKernels.of(isa));
  } catch (const std::exception&) {
    return Status(Code::kResourceExhausted, std::string(op) + ": no memory for a copy of the view");
  }
  return Status();
}

/** Each byte's value in its channel's table [3, 256]. */
template <class Value>
Status throughTables(const char* op, const uint8_t* pixels, int64_t count, const Value* tables, Value* out) {
  VLLTR_RETURN_IF_ERROR(checkCount(op, count));
  VLLTR_RETURN_IF_ERROR(checkSpans(op, {span("pixels", pixels, 3 * count), span("tables", tables, 768)},
                                   {span("out", out, 3 * count)}));
  for (int64_t i = 0; i < 3 * count; i += 3) {
    out[i] = tables[pixels[i]];
    out[i + 1] = tables[256 + pixels[i + 1]];
    out[i + 2] = tables[512 + pixels[i + 2]];
  }
  return Status();
}

SlidLine slidLine(double move) {
  SlidLine line;
  line.move = move;
  line.whole = static_cast<int64_t>(std::floor(move));
  cubicWeights(move - static_cast<double>(line.whole), line.weights);
  return line;
}

/** One block of Philox4x32-10 (Salmon et al., SC 2011), its counter's upper three words 0. */
std::array<uint32_t, 4> philox(uint32_t counter, uint32_t key0, uint32_t key1) {
  uint32_t c0 = counter, c1 = 0, c2 = 0, c3 = 0;
  for (int round = 0; round < 10; ++round, key0 += 0x9e3779b9u, key1 += 0xbb67ae85u) {
    const uint64_t one = uint64_t{0xd2511f53u} * c0, other = uint64_t{0xcd9e8d57u} * c2;
    c0 = static_cast<uint32_t>(other >> 32) ^ c1 ^ key0;
    c1 = static_cast<uint32_t>(other);
    c2 = static_cast<uint32_t>(one >> 32) ^ c3 ^ key1;
    c3 = static_cast<uint32_t>(one);
  }
  return {c0, c1, c2, c3};
}

}  // namespace

Status countView(const uint8_t* pixels, int64_t count, int32_t* counts) {
  VLLTR_RETURN_IF_ERROR(checkCount("countView", count));
  VLLTR_RETURN_IF_ERROR(
      checkSpans("countView", {span("pixels", pixels, 3 * count)}, {span("counts", counts, 1024)}));
  std::fill(counts, counts + 1024, 0);
  for (const uint8_t* end = pixels + 3 * count; pixels < end; pixels += 3) {
    const int32_t r = pixels[0], g = pixels[1], b = pixels[2];
    ++counts[r];
    ++counts[256 + g];
    ++counts[512 + b];
    ++counts[768 + ((r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16)];
  }
  return Status();
}

Status mapView(const uint8_t* pixels, int64_t count, const uint8_t* tables, uint8_t* out) {
  return throughTables("mapView", pixels, count, tables, out);
}

Status normaliseView(const uint8_t* pixels, int64_t count, const float* tables, float* out) {
  return throughTables("normaliseView", pixels, count, tables, out);
}

Status blendView(const View& view, Plain plain, double factor) {
  VLLTR_RETURN_IF_ERROR(checkView("blendView", view));
  VLLTR_RETURN_IF_ERROR(checkNumber("blendView", "factor", factor, 1 << 16));
  return changed("blendView", [&](const AugmentKernels& kernels) {
    if (plain == Plain::kSmooth) {
      kernels.blendSmooth(view.pixels, view.size, factor, view.out);
    } else {
      kernels.blendGrey(Padded(view).pixels.data(), view.size * view.size, factor, view.out);
    }
  });
}

Status affineView(const View& view, const double coefficients[6], const uint8_t fill[3]) {
  VLLTR_RETURN_IF_ERROR(checkView("affineView", view));
  for (int i = 0; i < 6; ++i) {
    VLLTR_RETURN_IF_ERROR(checkNumber("affineView", "a coefficient", coefficients[i], 1 << 20));
  }
  return changed("affineView", [&](const AugmentKernels& kernels) {
    const Padded padded(view);
    kernels.affine(padded.pixels.data(), view.size, coefficients, fill, padded.nearest(), view.out);
  });
}

Status slideView(const View& view, double slope, double shift, bool down, const uint8_t fill[3]) {
  VLLTR_RETURN_IF_ERROR(checkView("slideView", view));
  VLLTR_RETURN_IF_ERROR(checkNumber("slideView", "slope", slope, 1 << 20));
  VLLTR_RETURN_IF_ERROR(checkNumber("slideView", "shift", shift, 1 << 20));
  return changed("slideView", [&](const AugmentKernels& kernels) {
    const Padded padded(view);
    std::vector<SlidLine> lines;
    for (int64_t k = 0; k < view.size; ++k) {
      lines.push_back(slidLine(slope * (static_cast<double>(k) + 0.5) + shift));
    }
    kernels.slide(padded.pixels.data(), view.size, lines.data(), down, fill, padded.nearest(), view.out);
  });
}

Status fillNoise(const NoiseBox& box) {
  VLLTR_RETURN_IF_ERROR(checkSize("fillNoise", box.size));
  if (box.left < 0 || box.top < 0 || box.width < 1 || box.height < 1 || box.width > box.size - box.left ||
      box.height > box.size - box.top) {
    return invalidArgument("fillNoise: the box lies outside of the view");
  }
  VLLTR_RETURN_IF_ERROR(checkSpans(
      "fillNoise", {span("radii", box.radii, kNoiseRadii), span("cosines", box.cosines, kNoiseAngles)},
      {span("view", box.view, box.size * box.size * 3)}));
  const int64_t line = box.width * 3;
  int64_t left = line;  // values until the row ends
  float* to = box.view + (box.top * box.size + box.left) * 3;
  for (int64_t block = 0, rest = line * box.height; rest > 0; ++block, rest -= 8) {
    const auto words = philox(static_cast<uint32_t>(block), box.key[0], box.key[1]);
    float values[8];
    for (size_t k = 0; k < 4; ++k) {
      const float radius = box.radii[words[k] >> 18];
      const uint32_t angle = words[k] >> 6 & (kNoiseAngles - 1);
      values[2 * k] = radius * box.cosines[angle];
      values[2 * k + 1] = radius * box.cosines[(angle + kNoiseAngles / 4 * 3) & (kNoiseAngles - 1)];
    }
    for (int64_t k = 0; k < std::min<int64_t>(8, rest); ++k, --left) {
      if (left == 0) {
        to += box.size * 3 - line;
        left = line;
      }
      *to++ = values[k];
    }
  }
  return Status();
}

}  // namespace vlltr
