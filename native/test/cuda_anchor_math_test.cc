// The arithmetic that the attention to anchors has on CUDA devices, on the host.
#include <cmath>
#include <vector>

#include "check.h"
#include "cuda/anchor_gram.h"
#include "cuda/anchor_math.h"
#include "cuda/layout.h"
#include "random.h"

namespace {

using vlltr::cuda::AttentionSlope;

void lengths() {
  CHECK(vlltr::cuda::inverseLength(4) == 0.5f);
  CHECK(vlltr::cuda::inverseLength(0) == 1e12f && vlltr::cuda::inverseLength(-1e-3f) == 1e12f);
  CHECK(vlltr::cuda::inverseLength(1e-30f) == 1e12f);
}

/** The gradient of z = sum_m a_m h_m / sqrt(a^T K a), a = softmax(l), against differences. */
void slopes(bool detach) {
  Random random{detach ? 5u : 4u};
  constexpr int kAnchors = 6, kWidth = 4;
  std::vector<double> l(kAnchors), h(kAnchors), t(kAnchors * kWidth);
  for (auto* values : {&l, &h, &t}) {
    for (double& value : *values) value = random();
  }
  double fixed = 0;
  std::vector<double> a(kAnchors), ka(kAnchors);
  const auto logit = [&](double* along) {
    double total = 0, w = 0, square = 0;
    for (int m = 0; m < kAnchors; ++m) total += a[m] = std::exp(l[m]);
    for (int m = 0; m < kAnchors; ++m) w += (a[m] /= total) * h[m];
    for (int m = 0; m < kAnchors; ++m) {
      ka[m] = 0;
      for (int j = 0; j < kAnchors; ++j) {
        for (int i = 0; i < kWidth; ++i) ka[m] += a[j] * t[m * kWidth + i] * t[j * kWidth + i];
      }
      square += a[m] * ka[m];
    }
    if (along != nullptr) *along = w, fixed = std::sqrt(square);
    return w / (detach ? fixed : std::sqrt(square));
  };
  double along;
  logit(&along);
  const AttentionSlope slope(1, static_cast<float>(along), static_cast<float>(1 / fixed), detach);
  std::vector<float> dl, dh;
  double mean = 0;
  for (int m = 0; m < kAnchors; ++m) {
    mean += a[m] * slope.weight(static_cast<float>(h[m]), static_cast<float>(ka[m]));
  }
  CHECK(detach || std::abs(mean) < 1e-6);  // z does not depend on the weights' scale
  for (int m = 0; m < kAnchors; ++m) {
    const float weight = static_cast<float>(a[m]),
                da = slope.weight(static_cast<float>(h[m]), static_cast<float>(ka[m]));
    dl.push_back(slope.score(weight, da, static_cast<float>(mean)));
    dh.push_back(slope.value(weight));
  }
  constexpr double kStep = 1e-5;
  for (auto* input : {&l, &h}) {
    for (int m = 0; m < kAnchors; ++m) {
      const double before = (*input)[m];
      (*input)[m] = before + kStep;
      const double up = logit(nullptr);
      (*input)[m] = before - kStep;
      const double down = logit(nullptr);
      (*input)[m] = before;
      CHECK(std::abs((up - down) / (2 * kStep) - (input == &l ? dl : dh)[m]) < 1e-5);
    }
  }
}

void clamped() {
  const AttentionSlope slope(2, 1e-13f, vlltr::cuda::inverseLength(0), false);
  CHECK(slope.slope == 0 && slope.factor == 2e12f);
}

/** Each part of each element has its own place, that of the lane that multiplies it: lane / 4 is the column,
 * lane % 4 a pair along the depth, as of sums (`sumColumn`). */
void gramParts() {
  using namespace vlltr::cuda;
  std::vector<int> found(kGramHalves);
  for (int depth = 0; depth < kClassAnchors; ++depth) {
    for (int column = 0; column < kClassAnchors; ++column) {
      const int at = gramHalf(depth, column), lane = at / 8 % 32;
      ++found[static_cast<size_t>(at)], ++found[static_cast<size_t>(at + kGramLow)];
      CHECK(at % 8 < kGramLow && sumRow(lane, 0) == column % 8);
      CHECK(sumColumn(lane, at % 2) + at % 4 / 2 * 8 == depth % 16);
    }
  }
  for (const int count : found) CHECK(count == 1);
}

}  // namespace

int main() {
  gramParts();
  lengths();
  slopes(false);
  slopes(true);
  clamped();
  std::printf("cuda_anchor_math_test: ok\n");
}
