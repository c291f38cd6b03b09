// Built once an instruction set (see simd.h).
#include "cpu/anchor_attention.h"

#include "cpu/bfloat16.h"
#include "cpu/exp.h"
#include "cpu/simd.h"

namespace vlltr {
namespace {

using simd::broadcast;
using simd::DoubleVector;
using simd::FloatVector;
using simd::IntVector;
using simd::kDoubles;
using simd::kFloats;
using simd::load;
using simd::loadWide;
using simd::store;

constexpr float kLeastNorm = 1e-12f;

void softmax(const AnchorTile& t) {
  const int64_t stride = 2 * t.columns;
  for (int64_t v = 0; v < t.columns; v += kFloats) {
    FloatVector most = broadcast(-__builtin_inff());
    const float* score = t.scores + v;
    for (int64_t m = 0; m < t.anchors; ++m, score += stride) {
      most = simd::larger(load<FloatVector>(score) * t.keyScale[m], most);
    }
    FloatVector total{}, along{};
    score = t.scores + v;
    float* weight = t.weights + v;
    for (int64_t m = 0; m < t.anchors; ++m, score += stride, weight += t.columns) {
      const FloatVector e = simd::exp(load<FloatVector>(score) * t.keyScale[m] - most);
      total += e;
      along += e * load<FloatVector>(score + t.columns);
      store(weight, e);
    }
    const FloatVector share = 1.f / total;
    weight = t.weights + v;
    for (int64_t m = 0; m < t.anchors; ++m, weight += t.columns) {
      store(weight, load<FloatVector>(weight) * share);
    }
    store(t.along + v, along * share);
  }
}

void norm(const AnchorTile& t) {
  for (int64_t v = 0; v < t.columns; v += kFloats) {
    FloatVector square{};
    const float *weight = t.weights + v, *gram = t.gramWeights + v;
    for (int64_t m = 0; m < t.anchors; ++m, weight += t.columns, gram += t.columns) {
      square += load<FloatVector>(weight) * load<FloatVector>(gram);
    }
    // Rounding may leave a small negative number where anchors cancel.
    const FloatVector length = simd::squareRoot(square < 0.f ? FloatVector{} : square);
    store(t.inverseNorm + v, 1.f / (length < kLeastNorm ? broadcast(kLeastNorm) : length));
  }
}

// da = h - (<a, h> / N^2) K a, dl = a (da - <a, da>). The last term is 0 but for rounding unless the norm's
// gradient is stopped or the norm was clamped, which leaves da = h.
void gradient(const AnchorTile& t, const float* scale, bool detachNorm, float* dscores) {
  const int64_t stride = 2 * t.columns;
  for (int64_t v = 0; v < t.columns; v += kFloats) {
    const FloatVector inverse = load<FloatVector>(t.inverseNorm + v);
    const FloatVector factor = load<FloatVector>(scale + v) * inverse;
    FloatVector slope = load<FloatVector>(t.along + v) * inverse * inverse;
    const FloatVector clamped = broadcast((1 / kLeastNorm) * (1 - 1e-6f));
    slope = inverse >= clamped ? FloatVector{} : slope;
    if (detachNorm) slope = FloatVector{};
    FloatVector mean{};
    const float *h = t.scores + t.columns + v, *weight = t.weights + v, *gram = t.gramWeights + v;
    float *dkey = dscores + v, *dvalue = dkey + t.columns;
    for (int64_t m = 0; m < t.anchors; ++m) {
      const FloatVector da =
          load<FloatVector>(h + m * stride) - slope * load<FloatVector>(gram + m * t.columns);
      mean += load<FloatVector>(weight + m * t.columns) * da;
      store(dkey + m * stride, da);
    }
    for (int64_t m = 0; m < t.anchors; ++m) {
      const FloatVector share = load<FloatVector>(weight + m * t.columns) * factor;
      const FloatVector da = load<FloatVector>(dkey + m * stride);
      store(dkey + m * stride, share * (da - mean) * t.keyScale[m]);
      store(dvalue + m * stride, share);
    }
  }
}

void addRow(int64_t rows, int64_t columns, const float* row, float* to) {
  for (int64_t v = 0; v < columns; v += kFloats) {
    const FloatVector add = load<FloatVector>(row + v);
    for (int64_t r = 0; r < rows; ++r)
      store(to + r * columns + v, load<FloatVector>(to + r * columns + v) + add);
  }
}

void sumRows(int64_t rows, int64_t columns, const float* from, float* sum) {
  for (int64_t v = 0; v < columns; v += kFloats) {
    FloatVector total{};
    for (int64_t r = 0; r < rows; ++r) total += load<FloatVector>(from + r * columns + v);
    store(sum + v, total);
  }
}

/** Products of kRows rows with kColumns others, as far as they exist. */
template <int kRows, int kColumns>
void gramBlock(int64_t width, const float* a, const float* b, double (&sums)[kRows][kColumns]) {
  DoubleVector wide[kRows][kColumns] = {};
  int64_t i = 0;
  for (; i + kDoubles <= width; i += kDoubles) {
    DoubleVector right[kColumns];
#pragma GCC unroll 4
    for (int c = 0; c < kColumns; ++c) right[c] = loadWide<DoubleVector>(b + c * width + i);
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) {
      const DoubleVector left = loadWide<DoubleVector>(a + r * width + i);
#pragma GCC unroll 4
      for (int c = 0; c < kColumns; ++c) wide[r][c] += left * right[c];
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int c = 0; c < kColumns; ++c) {
      sums[r][c] = simd::sum(wide[r][c]);
      for (int64_t k = i; k < width; ++k) sums[r][c] += double{a[r * width + k]} * b[c * width + k];
    }
  }
}

void gram(int64_t rows, int64_t width, const float* x, float* gram) {
  constexpr int kEdge = 2;
  const auto put = [&](int64_t r, int64_t c, double value) {
    gram[r * rows + c] = gram[c * rows + r] = static_cast<float>(value);
  };
  int64_t r = 0;
  for (; r + kEdge <= rows; r += kEdge) {
    int64_t c = 0;
    for (; c + 2 * kEdge <= r + kEdge; c += 2 * kEdge) {
      double sums[kEdge][2 * kEdge];
      gramBlock<kEdge, 2 * kEdge>(width, x + r * width, x + c * width, sums);
      for (int i = 0; i < kEdge; ++i) {
        for (int j = 0; j < 2 * kEdge; ++j) put(r + i, c + j, sums[i][j]);
      }
    }
    for (; c < r + kEdge; ++c) {
      double sums[kEdge][1];
      gramBlock<kEdge, 1>(width, x + r * width, x + c * width, sums);
      for (int i = 0; i < kEdge; ++i) put(r + i, c, sums[i][0]);
    }
  }
  for (; r < rows; ++r) {
    for (int64_t c = 0; c <= r; ++c) {
      double sums[1][1];
      gramBlock<1, 1>(width, x + r * width, x + c * width, sums);
      put(r, c, sums[0][0]);
    }
  }
}

typedef uint16_t ShortVector __attribute__((vector_size(VLLTR_VECTOR_BYTES / 2)));

inline ShortVector roundedHalf(FloatVector value) {
  const IntVector bits = simd::roundToBfloat16(IntVector(value));
  return __builtin_convertvector(simd::UintVector(bits) >> 16, ShortVector);
}

void narrow(int64_t rows, int64_t width, const float* x, const float* mean, uint16_t* out) {
  for (int64_t r = 0; r < rows; ++r, x += width, out += width) {
    int64_t i = 0;
    for (; i + kFloats <= width; i += kFloats) {
      store(out + i, roundedHalf(load<FloatVector>(x + i) - load<FloatVector>(mean + i)));
    }
    for (; i < width; ++i) out[i] = roundedHalf(broadcast(x[i] - mean[i]))[0];
  }
}

void widen(int64_t count, const uint16_t* in, float* out) {
  int64_t i = 0;
  for (; i + kFloats <= count; i += kFloats) {
    store(out + i, __builtin_convertvector(load<ShortVector>(in + i), simd::UintVector) << 16);
  }
  for (; i < count; ++i) {
    const uint32_t bits = uint32_t{in[i]} << 16;
    __builtin_memcpy(out + i, &bits, sizeof bits);
  }
}

}  // namespace

extern constexpr AnchorAttentionKernels VLLTR_FOR_ISA(kAnchorAttention) = {
    Isa::VLLTR_FOR_ISA(k), softmax, norm, gradient, addRow, sumRows, gram, narrow, widen};

}  // namespace vlltr
