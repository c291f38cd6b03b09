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

/** To where vectors may be anywhere, and past the caches, to whole ones. */
struct Stored {
  template <class Vector>
  static inline void put(float* to, Vector vector) {
    store(to, vector);
  }
};
struct Streamed {
  static inline void put(float* to, FloatVector vector) { simd::stream(to, vector); }
};

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

template <class Vector, class How = Stored>
inline void updateAt(const AdamwFactors& f, const float* grad, const float* params, const float* m,
                     const float* v, float* newParams, float* newM, float* newV) {
  const Vector g = load<Vector>(grad) * f.clip;
  const Vector p = load<Vector>(params);
  const Vector m1 = load<Vector>(m) * f.keepM + g * f.addM;
  const Vector v1 = load<Vector>(v) * f.keepV + g * g * f.addV;
  const Vector denominator = simd::squareRoot(v1) * f.unbiasRootV + f.epsilon;
  const Vector p1 = p - (p * f.decay + m1 / denominator * f.stepSize);
  How::put(newM, m1);
  How::put(newV, v1);
  How::put(newParams, Vector(p1 > f.upperBound ? f.upperBound - Vector{} : p1));
}

/** Elements until all three pointers are aligned to whole vectors; -1 where they never are. */
inline int64_t untilAligned(const float* a, const float* b, const float* c) {
  const auto past = [](const float* x) { return reinterpret_cast<uintptr_t>(x) % VLLTR_VECTOR_BYTES; };
  if (past(a) != past(b) || past(b) != past(c) || past(a) % sizeof(float)) return -1;
  return past(a) == 0 ? 0 : static_cast<int64_t>((VLLTR_VECTOR_BYTES - past(a)) / sizeof(float));
}

void update(int64_t count, const AdamwFactors& f, const float* grad, const float* params, const float* m,
            const float* v, float* newParams, float* newM, float* newV, bool streamed) {
  const auto whole = [&](int64_t i) {
    updateAt<FloatVector>(f, grad + i, params + i, m + i, v + i, newParams + i, newM + i, newV + i);
  };
  int64_t i = 0;
  if (count < kFloats) {
    for (; i < count; ++i) {
      updateAt<float>(f, grad + i, params + i, m + i, v + i, newParams + i, newM + i, newV + i);
    }
    return;
  }
  // Whole vectors at both ends too, which do some elements twice: the same bits wherever the arrays lie.
  const int64_t head = streamed ? untilAligned(newParams, newM, newV) : -1;
  if (head >= 0) {
    if (head > 0) whole(0);
    for (i = head; i + kFloats <= count; i += kFloats) {
      updateAt<FloatVector, Streamed>(f, grad + i, params + i, m + i, v + i, newParams + i, newM + i,
                                      newV + i);
    }
    simd::finishStreams();
  }
  for (; i + kFloats <= count; i += kFloats) whole(i);
  if (i < count) whole(count - kFloats);
}

}  // namespace

extern constexpr AdamwKernels VLLTR_FOR_ISA(kAdamw) = {Isa::VLLTR_FOR_ISA(k), squares, update};

}  // namespace vlltr
