// Built once an instruction set (see simd.h).
//
// Forward, a row at a time so that it stays in the L1 cache: mean in float64, squared deviations in float64,
// then y in float32. The mean is applied as a float32 pair (high + low part), which costs one subtraction and
// keeps rows whose mean is far above their deviation exact. Backward: the first pass takes the two sums over
// the row and, since only the high part of the mean was saved, the low part again; the second gives dx and
// adds to dgamma and dbeta.
#include "cpu/layer_norm.h"

#include "cpu/simd.h"

namespace vlltr {
namespace {

using simd::DoubleVector;
using simd::FloatVector;
using simd::kDoubles;
using simd::kFloats;
using simd::load;
using simd::loadWide;
using simd::store;
using simd::storeNarrow;

double rowSum(int64_t width, const float* x) {
  DoubleVector a{}, b{}, c{}, d{};  // four chains hide the latency of the addition
  int64_t i = 0;
  for (; i + 4 * kDoubles <= width; i += 4 * kDoubles) {
    a += loadWide<DoubleVector>(x + i);
    b += loadWide<DoubleVector>(x + i + kDoubles);
    c += loadWide<DoubleVector>(x + i + 2 * kDoubles);
    d += loadWide<DoubleVector>(x + i + 3 * kDoubles);
  }
  for (; i + kDoubles <= width; i += kDoubles) a += loadWide<DoubleVector>(x + i);
  double total = simd::sum((a + b) + (c + d));
  for (; i < width; ++i) total += x[i];
  return total;
}

template <class Wide>
inline Wide squaredDeviation(const float* x, double mean) {
  const Wide deviation = loadWide<Wide>(x) - mean;
  return deviation * deviation;
}

double rowSquaredDeviation(int64_t width, const float* x, double mean) {
  DoubleVector a{}, b{}, c{}, d{};
  int64_t i = 0;
  for (; i + 4 * kDoubles <= width; i += 4 * kDoubles) {
    a += squaredDeviation<DoubleVector>(x + i, mean);
    b += squaredDeviation<DoubleVector>(x + i + kDoubles, mean);
    c += squaredDeviation<DoubleVector>(x + i + 2 * kDoubles, mean);
    d += squaredDeviation<DoubleVector>(x + i + 3 * kDoubles, mean);
  }
  for (; i + kDoubles <= width; i += kDoubles) a += squaredDeviation<DoubleVector>(x + i, mean);
  double total = simd::sum((a + b) + (c + d));
  for (; i < width; ++i) total += squaredDeviation<double>(x + i, mean);
  return total;
}

struct Row {
  float high, low, rstd;  // mean = high + low
};

template <class Vector>
inline void normalise(const Row& row, const float* x, const float* gamma, const float* beta, float* y) {
  const Vector scaled = ((load<Vector>(x) - row.high) - row.low) * row.rstd;
  store(y, scaled * load<Vector>(gamma) + load<Vector>(beta));
}

void forward(int64_t rows, int64_t width, float epsilon, const float* x, const float* gamma,
             const float* beta, float* y, float* mean, float* rstd) {
  for (int64_t r = 0; r < rows; ++r, x += width, y += width) {
    const double exact = rowSum(width, x) / static_cast<double>(width);
    const double variance = rowSquaredDeviation(width, x, exact) / static_cast<double>(width);
    Row row;
    row.high = static_cast<float>(exact);
    row.low = static_cast<float>(exact - row.high);
    row.rstd = static_cast<float>(1 / __builtin_sqrt(variance + epsilon));
    int64_t i = 0;
    for (; i + kFloats <= width; i += kFloats) {
      normalise<FloatVector>(row, x + i, gamma + i, beta + i, y + i);
    }
    for (; i < width; ++i) normalise<float>(row, x + i, gamma + i, beta + i, y + i);
    mean[r] = row.high;
    rstd[r] = row.rstd;
  }
}

/** Sums over a row, in units of x - mean (rstd is applied afterwards). */
template <class Wide>
struct Sums {
  Wide gradient{};   // sum of g
  Wide product{};    // sum of g (x - mean)
  Wide deviation{};  // sum of x - mean: not zero, since the mean was rounded

  inline void add(const float* dy, const float* x, const float* gamma, double mean) {
    const Wide g = loadWide<Wide>(dy) * loadWide<Wide>(gamma);
    const Wide centred = loadWide<Wide>(x) - mean;
    gradient += g;
    product += g * centred;
    deviation += centred;
  }
};

struct RowGradient {
  double mean, rstd;
  double meanGradient;  // mean over D of g
  double slope;         // rstd times the mean over D of g xhat
};

template <class Wide>
inline void differentiate(const RowGradient& row, const float* dy, const float* x, const float* gamma,
                          float* dx, double* dgamma, double* dbeta) {
  const Wide upstream = loadWide<Wide>(dy);
  const Wide centred = loadWide<Wide>(x) - row.mean;
  const Wide g = upstream * loadWide<Wide>(gamma);
  storeNarrow(dx, row.rstd * (g - row.meanGradient - centred * row.slope));
  store(dgamma, load<Wide>(dgamma) + upstream * (centred * row.rstd));
  store(dbeta, load<Wide>(dbeta) + upstream);
}

void backward(int64_t rows, int64_t width, const float* dy, const float* x, const float* gamma,
              const float* mean, const float* rstd, float* dx, double* dgamma, double* dbeta) {
  const double scale = 1 / static_cast<double>(width);
  for (int64_t r = 0; r < rows; ++r, dy += width, x += width, dx += width) {
    Sums<DoubleVector> a, b;
    Sums<double> rest;
    int64_t i = 0;
    for (; i + 2 * kDoubles <= width; i += 2 * kDoubles) {
      a.add(dy + i, x + i, gamma + i, mean[r]);
      b.add(dy + i + kDoubles, x + i + kDoubles, gamma + i + kDoubles, mean[r]);
    }
    for (; i < width; ++i) rest.add(dy + i, x + i, gamma + i, mean[r]);
    const double low = (simd::sum(a.deviation + b.deviation) + rest.deviation) * scale;
    const double meanGradient = (simd::sum(a.gradient + b.gradient) + rest.gradient) * scale;
    const double meanProduct = (simd::sum(a.product + b.product) + rest.product) * scale - low * meanGradient;
    RowGradient row;
    row.mean = mean[r] + low;
    row.rstd = rstd[r];
    row.meanGradient = meanGradient;
    row.slope = meanProduct * row.rstd * row.rstd;
    for (i = 0; i + kDoubles <= width; i += kDoubles) {
      differentiate<DoubleVector>(row, dy + i, x + i, gamma + i, dx + i, dgamma + i, dbeta + i);
    }
    for (; i < width; ++i) {
      differentiate<double>(row, dy + i, x + i, gamma + i, dx + i, dgamma + i, dbeta + i);
    }
  }
}

}  // namespace

extern constexpr LayerNormKernels VLLTR_FOR_ISA(kLayerNorm) = {Isa::VLLTR_FOR_ISA(k), forward, backward};

}  // namespace vlltr
