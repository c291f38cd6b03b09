// Built once an instruction set (see simd.h).
//
// Both kernels are bound by memory: what counts is that each array is gone through once.
#include "cpu/adamw.h"

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

template <class Wide>
inline Wide square(const float* x) {
  const Wide wide = loadWide<Wide>(x);
  return wide * wide;
}

double squares(int64_t count, const float* grad) {
  DoubleVector a{}, b{}, c{}, d{};  // four chains hide the latency of the addition
  int64_t i = 0;
  for (; i + 4 * kDoubles <= count; i += 4 * kDoubles) {
    a += square<DoubleVector>(grad + i);
    b += square<DoubleVector>(grad + i + kDoubles);
    c += square<DoubleVector>(grad + i + 2 * kDoubles);
    d += square<DoubleVector>(grad + i + 3 * kDoubles);
  }
  double total = simd::sum((a + b) + (c + d));
  for (; i < count; ++i) total += square<double>(grad + i);
  return total;
}

template <class Vector>
inline void updateAt(const AdamwFactors& f, const float* grad, const float* params, const float* m,
                     const float* v, float* newParams, float* newM, float* newV) {
  const Vector g = load<Vector>(grad) * f.clip;
  const Vector p = load<Vector>(params);
  const Vector m1 = load<Vector>(m) * f.keepM + g * f.addM;
  const Vector v1 = load<Vector>(v) * f.keepV + g * g * f.addV;
  const Vector denominator = simd::squareRoot(v1) * f.unbiasRootV + f.epsilon;
  const Vector p1 = p - (p * f.decay + m1 / denominator * f.stepSize);
  store(newM, m1);
  store(newV, v1);
  store<Vector>(newParams, p1 > f.upperBound ? f.upperBound - Vector{} : p1);
}

void update(int64_t count, const AdamwFactors& f, const float* grad, const float* params, const float* m,
            const float* v, float* newParams, float* newM, float* newV) {
  int64_t i = 0;
  for (; i + kFloats <= count; i += kFloats) {
    updateAt<FloatVector>(f, grad + i, params + i, m + i, v + i, newParams + i, newM + i, newV + i);
  }
  for (; i < count; ++i) {
    updateAt<float>(f, grad + i, params + i, m + i, v + i, newParams + i, newM + i, newV + i);
  }
}

}  // namespace

extern constexpr AdamwKernels VLLTR_FOR_ISA(kAdamw) = {Isa::VLLTR_FOR_ISA(k), squares, update};

}  // namespace vlltr
