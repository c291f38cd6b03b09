// Layer norm against a naive float64 reference. The error allowed is a few units in the last place of
// float32, relative to the largest value of what is compared.
#include "vlltr/layer_norm.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <thread>
#include <vector>

#include "check.h"
#include "random.h"
#include "vlltr/isa.h"

namespace {

using Floats = std::vector<float>;
using Doubles = std::vector<double>;

struct Problem {
  int64_t rows, width;
  float scale = 1, offset = 0, epsilon = 1e-5f;
};

struct Case {
  Problem problem;
  Floats x, gamma, beta, dy;                // inputs
  Floats y, mean, rstd, dx, dgamma, dbeta;  // outputs

  explicit Case(const Problem& p) : problem(p) {
    const auto size = static_cast<size_t>(p.rows * p.width), width = static_cast<size_t>(p.width);
    Random random{0x9E3779B97F4A7C15ull + static_cast<uint64_t>(p.rows * 1000 + p.width)};
    for (size_t i = 0; i < size; ++i) x.push_back(random() * p.scale + p.offset);
    for (size_t i = 0; i < size; ++i) dy.push_back(random());
    for (size_t i = 0; i < width; ++i) gamma.push_back(1 + random() / 4);
    for (size_t i = 0; i < width; ++i) beta.push_back(random() / 4);
    const float poison = std::numeric_limits<float>::quiet_NaN();
    y.assign(size, poison), dx.assign(size, poison);
    mean.assign(static_cast<size_t>(p.rows), poison), rstd = mean;
    dgamma.assign(width, poison), dbeta = dgamma;
  }

  vlltr::LayerNormForward forward() {
    return {problem.rows, problem.width, problem.epsilon, x.data(),   gamma.data(),
            beta.data(),  y.data(),      mean.data(),     rstd.data()};
  }
  vlltr::LayerNormBackward backward() {
    return {problem.rows, problem.width, dy.data(), x.data(),      gamma.data(),
            mean.data(),  rstd.data(),   dx.data(), dgamma.data(), dbeta.data()};
  }
  void run() {
    CHECK_OK(vlltr::layerNorm(forward()));
    CHECK_OK(vlltr::layerNorm(backward()));
  }
};

void near(const char* what, const Case& c, const Floats& got, const Doubles& expected, double tolerance,
          double largest = 0) {
  largest = std::max(largest, 1e-37);
  CHECK(got.size() == expected.size());
  for (const double value : expected) largest = std::max(largest, std::abs(value));
  for (size_t i = 0; i < got.size(); ++i) {
    const double error = std::abs(got[i] - expected[i]) / largest;
    if (error <= tolerance) continue;  // false for NaN
    std::fprintf(stderr, "%s[%zu] of [%lld, %lld], scale %g, offset %g: %.9g, expected %.9g (error %.2g)\n",
                 what, i, static_cast<long long>(c.problem.rows), static_cast<long long>(c.problem.width),
                 static_cast<double>(c.problem.scale), static_cast<double>(c.problem.offset),
                 static_cast<double>(got[i]), expected[i], error);
    std::exit(1);
  }
}

void compare(const Problem& problem) {
  Case c(problem);
  c.run();
  const auto rows = static_cast<size_t>(problem.rows), width = static_cast<size_t>(problem.width);
  Doubles y(rows * width), mean(rows), rstd(rows), dx(rows * width), dgamma(width), dbeta(width);
  double largestTerm = 0;  // dx is a difference of terms of this size (with D <= 2 they cancel)
  Doubles gammaTerms(width), betaTerms(width);  // sums of magnitudes: those of dgamma and dbeta may cancel
  for (size_t r = 0; r < rows; ++r) {
    const float* x = c.x.data() + r * width;
    const float* dy = c.dy.data() + r * width;
    const double n = static_cast<double>(width);
    double variance = 0, g1 = 0, g2 = 0;
    for (size_t i = 0; i < width; ++i) mean[r] += x[i] / n;
    for (size_t i = 0; i < width; ++i) variance += (x[i] - mean[r]) * (x[i] - mean[r]) / n;
    rstd[r] = 1 / std::sqrt(variance + problem.epsilon);
    for (size_t i = 0; i < width; ++i) {
      const double xhat = (x[i] - mean[r]) * rstd[r], g = double{dy[i]} * c.gamma[i];
      y[r * width + i] = xhat * c.gamma[i] + c.beta[i];
      g1 += g / n, g2 += g * xhat / n;
      dgamma[i] += dy[i] * xhat, dbeta[i] += dy[i];
      gammaTerms[i] += std::abs(dy[i] * xhat), betaTerms[i] += std::abs(dy[i]);
    }
    for (size_t i = 0; i < width; ++i) {
      const double xhat = (x[i] - mean[r]) * rstd[r], g = double{dy[i]} * c.gamma[i];
      dx[r * width + i] = rstd[r] * (g - g1 - xhat * g2);
      largestTerm = std::max(largestTerm, std::abs(rstd[r] * g));
    }
  }
  near("y", c, c.y, y, 5e-7);
  near("mean", c, c.mean, mean, 2e-7);
  near("rstd", c, c.rstd, rstd, 2e-7);
  const auto most = [](const Doubles& terms) { return *std::max_element(terms.begin(), terms.end()); };
  near("dgamma", c, c.dgamma, dgamma, 5e-7, most(gammaTerms));
  near("dbeta", c, c.dbeta, dbeta, 5e-7, most(betaTerms));
  near("dx", c, c.dx, dx, 1e-6, largestTerm);
}

void sameBitsFromManyCallers() {
  Case first({300, 129});
  first.run();
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 3; ++caller) {
    callers.emplace_back([&] {
      for (int repeat = 0; repeat < 5; ++repeat) {
        Case again({300, 129});
        again.run();
        CHECK(std::memcmp(again.dgamma.data(), first.dgamma.data(), 129 * sizeof(float)) == 0);
        CHECK(std::memcmp(again.dx.data(), first.dx.data(), 300 * 129 * sizeof(float)) == 0);
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
}

void refusals() {
  const auto refused = [](auto change, const char* word) {
    Case c({4, 8});
    auto forward = c.forward();
    change(forward);
    checkRefused(vlltr::layerNorm(forward), word);
  };
  using Forward = vlltr::LayerNormForward;
  refused([](Forward& f) { f.width = 0; }, "shape");
  refused([](Forward& f) { f.rows = -1; }, "shape");
  refused([](Forward& f) { f.rows = std::numeric_limits<int64_t>::max() / 4; }, "shape");
  refused([](Forward& f) { f.epsilon = -1; }, "epsilon");
  refused([](Forward& f) { f.epsilon = std::numeric_limits<float>::quiet_NaN(); }, "epsilon");
  refused([](Forward& f) { f.x = nullptr; }, "null");
  refused([](Forward& f) { f.y = const_cast<float*>(f.x) + 31; }, "overlaps x");
  refused([](Forward& f) { f.rstd = f.mean + 3; }, "overlaps");

  Case c({4, 8});
  auto backward = c.backward();
  backward.dbeta = backward.dgamma;
  CHECK(vlltr::layerNorm(backward).code() == vlltr::Code::kInvalidArgument);
}

}  // namespace

int main() {
  const vlltr::Isa isa = isaOrSkip();
  for (const int64_t width : {1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 64, 100, 129, 512, 1000, 1025}) {
    for (const int64_t rows : {0, 1, 2, 5, 67}) compare({rows, width});
  }
  compare({5000, 65});  // several parts of the partition
  compare({70001, 3});
  compare({1, 100003});
  compare({3, 193, 1e30f});
  compare({3, 193, 1e-30f});
  compare({3, 193, 1e-2f, 1e4f});  // mean far above the deviation
  compare({3, 193, 1, -1e6f, 1e-12f});
  sameBitsFromManyCallers();
  refusals();
  std::printf("layer_norm_test: ok (%s)\n", vlltr::isaName(isa));
}
