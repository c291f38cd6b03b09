#pragma once

#include <cmath>
#include <cstdint>

#include "cuda/portable.h"

/**
 * The contrastive op's arithmetic of single elements, for devices and for a test on the host. Exponents are
 * of base 2 throughout, as the hardware's are: a similarity s enters as 2^(s log2 e - m).
 */
namespace vlltr::cuda {

constexpr float kLog2E = 1.44269504f;
constexpr double kLn2 = 0.6931471805599453;

/** A maximum of nothing: finite, so that no difference of two is NaN. */
constexpr float kNothing = -1e30f;

/** Exponents up to here, either way, are neither lost as subnormal nor overflow when a tile's line of them,
 * multiplied by similarities, is summed: 2^104 * 256 * 2^15 < 2^128. */
constexpr float kSpread = 104.f;

/**
 * Of a part of a line of S: its sum of exponentials as sum 2^most; and of the teacher's, the same and the sum
 * of exponential times S.
 */
struct Partial {
  float most = kNothing, sum = 0;
  float teacherMost = kNothing, teacherSum = 0, teacherProduct = 0;
};
constexpr int kPartialFloats = 5;

/** Both parts together. NaN goes on. */
VLLTR_HD Partial merge(const Partial& a, const Partial& b) {
  Partial c;
  c.most = a.most > b.most ? a.most : b.most;
  c.sum = a.sum * exp2f(a.most - c.most) + b.sum * exp2f(b.most - c.most);
  c.teacherMost = a.teacherMost > b.teacherMost ? a.teacherMost : b.teacherMost;
  const float x = exp2f(a.teacherMost - c.teacherMost), y = exp2f(b.teacherMost - c.teacherMost);
  c.teacherSum = a.teacherSum * x + b.teacherSum * y;
  c.teacherProduct = a.teacherProduct * x + b.teacherProduct * y;
  return c;
}

/** log of sum 2^most, natural. */
VLLTR_HD float logSum(float most, float sum) {
  return static_cast<float>((static_cast<double>(most) + static_cast<double>(log2f(sum))) * kLn2);
}

/** What `mergeContrastive` does with a line's two statistics, natural logarithms. */
struct LineStatistics {
  float lse, teacherLse, teacherMean;
};

/** log(e^a + e^b), and b's share of it. */
struct LogSumOfTwo {
  float value, share;
};
VLLTR_HD LogSumOfTwo logSumOfTwo(float a, float b) {
  const float most = a > b ? a : b;
  if (most == -INFINITY) return {most, 0.f};
  const float x = expf(a - most), y = expf(b - most);
  return {most + logf(x + y), y / (x + y)};
}
VLLTR_HD LineStatistics merge(const LineStatistics& a, const LineStatistics& b) {
  const LogSumOfTwo student = logSumOfTwo(a.lse, b.lse), teacher = logSumOfTwo(a.teacherLse, b.teacherLse);
  return {student.value, teacher.value, a.teacherMean + teacher.share * (b.teacherMean - a.teacherMean)};
}

/**
 * Factors of the gradient: dS_ij = dloss / 2N (p + q - beta (p' + q') - smooth - [same class] match /
 * n(y_i)), where p and q are softmax along row and column and p', q' the teacher's.
 */
struct TargetFactors {
  float match, smooth;
};
VLLTR_HD TargetFactors targetFactors(float smoothing, float distillWeight, int64_t columns) {
  const double keep = 2.0 * (1.0 - distillWeight);
  return {static_cast<float>(keep * (1.0 - smoothing)),
          static_cast<float>(keep * smoothing / static_cast<double>(columns))};
}

}  // namespace vlltr::cuda
