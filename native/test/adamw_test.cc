// AdamW against a naive float64 reference, each step from the float32 state before it. The error allowed is a
// few units in the last place of float32, relative to the terms that are added.
#include "vlltr/adamw.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "check.h"
#include "random.h"
#include "vlltr/isa.h"
#include "vlltr/thread_pool.h"

namespace {

using Floats = std::vector<float>;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr float kPoison = std::numeric_limits<float>::quiet_NaN();

struct Problem {
  std::vector<int64_t> lengths;
  double gradScale = 1, paramScale = 1, clipNorm = kInfinity, beta1 = 0.9, beta2 = 0.999;
};

/** A state with its gradients; every parameter is treated in a way of its own. */
struct Case {
  Problem problem;
  std::vector<Floats> grads;
  std::vector<vlltr::AdamwParameter> parameters;
  Floats params, m, v, newParams, newM, newV;
  float gradNorm = kPoison;
  double step = 0;

  explicit Case(const Problem& p) : problem(p) {
    Random random{0x9E3779B97F4A7C15ull + p.lengths.size()};
    for (const int64_t length : p.lengths) {
      const auto n = static_cast<size_t>(length);
      for (size_t i = 0; i < n; ++i) params.push_back(static_cast<float>(random() * p.paramScale));
      grads.emplace_back(n);
      vlltr::AdamwParameter one;
      one.length = length;
      one.weightDecay = grads.size() % 3 == 0 ? 0.0f : 0.05f;
      one.rate = grads.size() % 4 == 0 ? 0.03f : 1.0f;
      if (grads.size() % 5 == 2) one.upperBound = static_cast<float>(p.paramScale / 2);
      parameters.push_back(one);
    }
    m.assign(params.size(), 0), v = m;
  }

  vlltr::Adamw next(uint64_t seed) {
    Random random{seed * 7919 + 1};
    step += 1;
    for (size_t i = 0; i < grads.size(); ++i) {
      for (float& g : grads[i]) g = static_cast<float>(random() * problem.gradScale);
      parameters[i].grad = grads[i].data();
    }
    newParams.assign(params.size(), kPoison), newM = newParams, newV = newParams;
    gradNorm = kPoison;
    vlltr::Adamw call;
    call.size = static_cast<int64_t>(params.size());
    call.parameters = parameters;
    call.params = params.data(), call.m = m.data(), call.v = v.data();
    call.learningRate = 1e-2, call.step = step;
    call.beta1 = problem.beta1, call.beta2 = problem.beta2, call.clipNorm = problem.clipNorm;
    call.newParams = newParams.data(), call.newM = newM.data(), call.newV = newV.data();
    call.gradNorm = &gradNorm;
    return call;
  }

  void run(uint64_t seed) { CHECK_OK(vlltr::adamw(next(seed))); }
  void advance() { params = newParams, m = newM, v = newV; }
};

void near(const char* what, const Case& c, size_t at, double got, double expected, double allowed) {
  if (std::abs(got - expected) <= allowed + 1e-37) return;  // false for NaN
  std::fprintf(stderr, "%s[%zu] of %zu, scale %g, step %g: %.9g, expected %.9g (allowed %.2g)\n", what, at,
               c.params.size(), c.problem.gradScale, c.step, got, expected, allowed);
  std::exit(1);
}

void compareStep(const Case& c) {
  const Problem& p = c.problem;
  double norm = 0;
  for (const Floats& grad : c.grads) {
    for (const float g : grad) norm += double{g} * g;
  }
  norm = std::sqrt(norm);
  near("gradNorm", c, 0, c.gradNorm, norm, 1e-7 * norm);
  const double clip = std::min(1.0, p.clipNorm / (norm + 1e-6));
  size_t at = 0;
  for (size_t i = 0; i < c.grads.size(); ++i) {
    const double rate = 1e-2 * c.parameters[i].rate, decay = c.parameters[i].weightDecay;
    for (const float raw : c.grads[i]) {
      const double g = raw * clip;
      const double m = p.beta1 * c.m[at] + (1 - p.beta1) * g, v = p.beta2 * c.v[at] + (1 - p.beta2) * g * g;
      const double mHat = m / (1 - std::pow(p.beta1, c.step)), vHat = v / (1 - std::pow(p.beta2, c.step));
      const double decayed = rate * decay * c.params[at], moved = rate * mHat / (std::sqrt(vHat) + 1e-8);
      const double free = c.params[at] - decayed - moved;
      near("m", c, at, c.newM[at], m, 3e-7 * (std::abs(c.m[at]) + std::abs(g)));
      near("v", c, at, c.newV[at], v, 6e-7 * v);
      // m may cancel, and then keeps the error of its terms.
      const double cancelled = rate * 4e-7 * (std::abs(c.m[at]) + std::abs(g)) / (std::sqrt(v) + 1e-8);
      near("params", c, at, c.newParams[at], std::min<double>(free, c.parameters[i].upperBound),
           1.2e-7 * std::abs(c.params[at]) + 1e-6 * (std::abs(moved) + std::abs(decayed)) + 4 * cancelled);
      ++at;
    }
  }
}

void compare(const Problem& problem) {
  Case c(problem);
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    c.run(seed);
    compareStep(c);
    c.advance();
  }
}

bool sameBits(const Floats& a, const Floats& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

void expectSame(const Case& found, const Case& first) {
  CHECK(std::memcmp(&found.gradNorm, &first.gradNorm, sizeof(float)) == 0);
  CHECK(sameBits(found.newParams, first.newParams));
  CHECK(sameBits(found.newM, first.newM));
  CHECK(sameBits(found.newV, first.newV));
}

/** A job inside a job of the pool runs on one thread; one beside another on one or all. */
void sameBitsForAnyNumberOfThreads() {
  const Problem problem{{100003, 1, 65536, 77}, 1, 1, 0.5};
  Case first(problem);
  first.run(1);
  vlltr::ThreadPool* pool = nullptr;
  CHECK_OK(vlltr::ThreadPool::shared(&pool));
  pool->run(2, [&](int64_t) {
    Case again(problem);
    again.run(1);
    expectSame(again, first);
  });
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 3; ++caller) {
    callers.emplace_back([&] {
      for (int repeat = 0; repeat < 5; ++repeat) {
        Case again(problem);
        again.run(1);
        expectSame(again, first);
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
}

/** Where the list of parameters is cut makes no difference to what is done with equal rules. */
void sameBitsHoweverCut() {
  Case whole({{40000}}), parts({{16384, 16384, 7232}});
  parts.params = whole.params;
  for (vlltr::AdamwParameter& p : parts.parameters)
    p.weightDecay = 0.05f, p.rate = 1, p.upperBound = INFINITY;
  whole.parameters[0] = parts.parameters[0];
  whole.parameters[0].length = 40000;
  const vlltr::Adamw one = whole.next(1);
  vlltr::Adamw three = parts.next(1);
  three.parameters[0].grad = whole.grads[0].data();
  three.parameters[1].grad = whole.grads[0].data() + 16384;
  three.parameters[2].grad = whole.grads[0].data() + 32768;
  CHECK_OK(vlltr::adamw(one));
  CHECK_OK(vlltr::adamw(three));
  CHECK(sameBits(whole.newParams, parts.newParams));
  CHECK(sameBits(whole.newV, parts.newV));
}

/** Vectors that go past the caches, at any alignment, and the same parameters one by one, which do not. */
void sameBitsPastTheCaches() {
  const Problem problem{{3, 1048577, 5, 1048600, 16}};
  Case whole(problem), parts(problem);
  CHECK_OK(vlltr::adamw(whole.next(1)));
  vlltr::Adamw call = parts.next(1);
  CHECK(call.size > 1 << 21);
  for (const vlltr::AdamwParameter& one : parts.parameters) {
    call.parameters = {one};
    call.size = one.length;
    CHECK_OK(vlltr::adamw(call));
    call.params += one.length, call.m += one.length, call.v += one.length;
    call.newParams += one.length, call.newM += one.length, call.newV += one.length;
  }
  CHECK(sameBits(whole.newParams, parts.newParams));
  CHECK(sameBits(whole.newM, parts.newM));
  CHECK(sameBits(whole.newV, parts.newV));
}

/** NaN goes where a gradient holds it, and everywhere where clipping spreads it; never past a bound. */
void notANumber() {
  for (const double clipNorm : {kInfinity, 1.0}) {
    Case c({{3, 40}, 1, 1, clipNorm});
    const vlltr::Adamw call = c.next(1);
    c.grads[1][5] = kPoison;
    CHECK_OK(vlltr::adamw(call));
    CHECK(std::isnan(c.gradNorm));
    CHECK(std::isnan(c.newParams[8]) && std::isnan(c.newM[8]) && std::isnan(c.newV[8]));
    CHECK(std::isnan(c.newParams[0]) == std::isfinite(clipNorm));
  }
}

void refusals() {
  const auto refused = [](auto change, const char* word) {
    Case c({{5, 8}});
    vlltr::Adamw call = c.next(1);
    change(call);
    checkRefused(vlltr::adamw(call), word);
    for (const float x : c.newParams) CHECK(std::isnan(x));  // nothing was written
  };
  using Call = vlltr::Adamw;
  refused([](Call& c) { c.size = -1; }, "size is -1");
  refused([](Call& c) { c.size = 14; }, "13 elements, expected 14");
  refused([](Call& c) { c.parameters[1].length = 9; }, "parameter 1 has 9 elements, expected 0 to 8");
  refused([](Call& c) { c.parameters[0].length = -1; }, "parameter 0 has -1 elements");
  refused([](Call& c) { c.parameters[0].weightDecay = -0.1f; }, "parameter 0 has weight decay -0.1");
  refused([](Call& c) { c.parameters[1].rate = INFINITY; }, "rate inf");
  refused([](Call& c) { c.parameters[1].upperBound = NAN; }, "upper bound nan");
  refused([](Call& c) { c.step = 0; }, "step is 0");
  refused([](Call& c) { c.step = NAN; }, "step is nan");
  refused([](Call& c) { c.beta1 = 1; }, "beta1 is 1");
  refused([](Call& c) { c.beta2 = -0.5; }, "beta2 is -0.5");
  refused([](Call& c) { c.epsilon = -1; }, "epsilon is -1");
  refused([](Call& c) { c.clipNorm = 0; }, "clipNorm is 0");
  refused([](Call& c) { c.params = nullptr; }, "params is null");
  refused([](Call& c) { c.parameters[1].grad = nullptr; }, "a gradient is null");
  refused([](Call& c) { c.newM = const_cast<float*>(c.parameters[1].grad) + 7; }, "overlaps a gradient");
  refused([](Call& c) { c.newV = c.newM + 12; }, "overlaps");
  refused([](Call& c) { c.newParams = const_cast<float*>(c.params); }, "overlaps params");
}

}  // namespace

int main() {
  const vlltr::Isa isa = isaOrSkip();
  for (const int64_t length : {0, 1, 2, 3, 15, 16, 17, 31, 33, 64, 100, 129, 1000, 1025}) {
    compare({{length}});
    compare({{length, 1, 7, 0, length, 3}, 1, 1, 1.0});
  }
  compare({{}});
  compare({{32768, 32768}});
  compare({{32767, 1, 2, 32766, 70001}, 1, 1, 10.0});
  compare({{100003}, 1, 1, 1e9});  // a norm that is not reached
  for (const double clipNorm : {kInfinity, 1.0}) {
    compare({{193, 5, 64, 1000, 3}, 1e-30, 1, clipNorm});
    compare({{193, 5, 64, 1000, 3}, 1e-12, 1e-6, clipNorm});
    compare({{193, 5, 64, 1000, 3}, 1e15, 1e10, clipNorm});
  }
  compare({{193, 5}, 1e36, 1, 1.0});           // squares that only float64 holds
  compare({{193, 5}, 1, 1, kInfinity, 0, 0});  // no memory of earlier gradients
  compare({{193, 5}, 1, 1, kInfinity, 0.99, 0.9999});
  sameBitsForAnyNumberOfThreads();
  sameBitsHoweverCut();
  sameBitsPastTheCaches();
  notANumber();
  refusals();
  std::printf("adamw_test: ok (%s)\n", vlltr::isaName(isa));
}
