#pragma once

#include "cpu/simd.h"

namespace vlltr::simd {
namespace {

/**
 * e^x for x <= 88, within 2 units in the last place; 0 below -87.3 (the smallest normal number), NaN for NaN.
 * x = n ln 2 + r with |r| <= (ln 2)/2; e^r by its Taylor polynomial of degree 7 (remainder below 6e-9).
 */
inline FloatVector exp(FloatVector x) {
  constexpr float kShift = 12582912;  // 1.5 * 2^23: adding it rounds to a whole number
  const FloatVector n = (x * 1.44269504f + kShift) - kShift;
  const FloatVector r = (x - n * 0.693359375f) + n * 2.12194440e-4f;  // ln 2 in two parts
  FloatVector p = broadcast(1.f / 5040);
  p = p * r + 1.f / 720;
  p = p * r + 1.f / 120;
  p = p * r + 1.f / 24;
  p = p * r + 1.f / 6;
  p = p * r + 0.5f;
  p = p * r + 1.f;
  p = p * r + 1.f;
  // Clamped so that the exponent stays one; what was below is then 0.
  const FloatVector bounded = n < -126.f ? broadcast(-126) : n;
  const IntVector power = (__builtin_convertvector(bounded, IntVector) + 127) << 23;
  const FloatVector value = p * FloatVector(power);
  return x < -87.3f ? FloatVector{} : value;
}

inline FloatVector larger(FloatVector a, FloatVector b) { return a > b ? a : b; }

}  // namespace
}  // namespace vlltr::simd
