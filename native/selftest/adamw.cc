#include "vlltr/adamw.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "selftest/guarded.h"
#include "selftest/selftest.h"
#include "test/random.h"

namespace vlltr {
namespace {

using Floats = std::vector<float>;
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kRate = 1e-2;

struct Problem {
  std::vector<int64_t> lengths;
  double clipNorm = kInfinity, gradScale = 1, paramScale = 1;
  int64_t offset = 0, gradOffset = 0;  // of the arrays from an aligned address
};

/** A state with its gradients, here and on the target; every parameter is treated in a way of its own. */
struct Case {
  Problem problem;
  std::vector<Floats> grads;
  Floats params, m, v, newParams, newM, newV, gradNorm;
  Adamw call;
  std::vector<Guarded> grad;
  Guarded inputs[3], outputs[4];

  Case(Selftest& test, const Problem& p) : problem(p) {
    Random random{test.seed()};
    call.clipNorm = p.clipNorm, call.learningRate = kRate, call.step = 3;
    for (const int64_t length : p.lengths) {
      const auto n = static_cast<size_t>(length);
      grads.emplace_back(n);
      for (float& g : grads.back()) g = static_cast<float>(random() * p.gradScale);
      for (size_t i = 0; i < n; ++i) {
        params.push_back(static_cast<float>(random() * p.paramScale));
        m.push_back(static_cast<float>(random() * p.gradScale));
        v.push_back(static_cast<float>(std::abs(random()) * p.gradScale * p.gradScale));
      }
      AdamwParameter one;
      one.length = length;
      one.weightDecay = grads.size() % 3 == 0 ? 0.0f : 0.05f;
      one.rate = grads.size() % 4 == 0 ? 0.03f : 1.0f;
      if (grads.size() % 5 == 2) one.upperBound = static_cast<float>(p.paramScale / 2);
      call.parameters.push_back(one);
    }
    call.size = static_cast<int64_t>(params.size());
  }

  Status place(Target& target) {
    grad.resize(grads.size());
    for (size_t i = 0; i < grads.size(); ++i) {
      VLLTR_RETURN_IF_ERROR(grad[i].make(target, grads[i], problem.gradOffset));
      call.parameters[i].grad = grad[i].data();
    }
    const Floats* values[] = {&params, &m, &v};
    for (int i = 0; i < 3; ++i) VLLTR_RETURN_IF_ERROR(inputs[i].make(target, *values[i], problem.offset));
    for (int i = 0; i < 4; ++i) {
      VLLTR_RETURN_IF_ERROR(outputs[i].make(target, i < 3 ? call.size : 1, problem.offset));
    }
    call.params = inputs[0].data(), call.m = inputs[1].data(), call.v = inputs[2].data();
    call.newParams = outputs[0].data(), call.newM = outputs[1].data(), call.newV = outputs[2].data();
    call.gradNorm = outputs[3].data();
    return Status();
  }

  Status run(Target& target) {
    for (Guarded& output : outputs) VLLTR_RETURN_IF_ERROR(output.poison());
    VLLTR_RETURN_IF_ERROR(target.adamw(call));
    Floats* values[] = {&newParams, &newM, &newV, &gradNorm};
    for (int i = 0; i < 4; ++i) VLLTR_RETURN_IF_ERROR(outputs[i].get(values[i]));
    return Status();
  }
};

/** The largest error, as a multiple of what is allowed for its element. NaN counts as infinite. */
struct Worst {
  double ratio = 0;
  void of(double got, double expected, double allowed) {
    const double one = std::abs(got - expected) / (allowed + 1e-37);
    ratio = std::max(ratio, one <= kInfinity ? one : kInfinity);
  }
};

void compare(Selftest& test, const std::string& what, const Case& c) {
  double norm = 0;
  for (const Floats& grad : c.grads) {
    for (const float g : grad) norm += double{g} * g;
  }
  norm = std::sqrt(norm);
  const double clip = std::min(1.0, c.problem.clipNorm / (norm + 1e-6)), b1 = c.call.beta1, b2 = c.call.beta2;
  Worst params, m, v, length;
  length.of(c.gradNorm[0], norm, 1e-7 * norm);
  size_t at = 0;
  for (size_t i = 0; i < c.grads.size(); ++i) {
    const AdamwParameter& rule = c.call.parameters[i];
    const double rate = kRate * rule.rate;
    for (const float raw : c.grads[i]) {
      const double g = raw * clip, m0 = c.m[at], p0 = c.params[at];
      const double m1 = b1 * m0 + (1 - b1) * g, v1 = b2 * c.v[at] + (1 - b2) * g * g;
      const double mHat = m1 / (1 - std::pow(b1, c.call.step)), vHat = v1 / (1 - std::pow(b2, c.call.step));
      const double decayed = rate * rule.weightDecay * p0, moved = rate * mHat / (std::sqrt(vHat) + 1e-8);
      m.of(c.newM[at], m1, 3e-7 * (std::abs(m0) + std::abs(g)));
      v.of(c.newV[at], v1, 5e-7 * v1);
      // m may cancel, and then keeps the error of its terms.
      const double cancelled = rate * 4e-7 * (std::abs(m0) + std::abs(g)) / (std::sqrt(vHat) + 1e-8);
      params.of(c.newParams[at], std::min<double>(p0 - decayed - moved, rule.upperBound),
                1.2e-7 * std::abs(p0) + 1e-6 * (std::abs(moved) + std::abs(decayed)) + 8 * cancelled);
      ++at;
    }
  }
  test.expect(what + ", |g|", length.ratio, 1);
  test.expect(what + ", params", params.ratio, 1);
  test.expect(what + ", m", m.ratio, 1);
  test.expect(what + ", v", v.ratio, 1);
}

void check(Selftest& test, const std::string& what, const Problem& problem) {
  Case c(test, problem);
  const std::string name = "adamw " + what;
  if (!test.ok(name, c.place(test.target())) || !test.ok(name, c.run(test.target()))) return;
  compare(test, name, c);
  const Floats before[] = {c.newParams, c.newM, c.newV, c.gradNorm};
  if (!test.ok(name + " again", c.run(test.target()))) return;
  const Floats* after[] = {&c.newParams, &c.newM, &c.newV, &c.gradNorm};
  int differ = 0;
  for (int i = 0; i < 4; ++i) differ += before[i] != *after[i];
  test.expect(name + ", arrays that another run changes", differ, 0);
}

/** NaN goes where a gradient holds it, and everywhere where clipping spreads it. */
void notANumber(Selftest& test, double clipNorm) {
  Case c(test, {{3, 40000}, clipNorm});
  c.grads[1][5] = std::numeric_limits<float>::quiet_NaN();
  if (!test.ok("adamw NaN", c.place(test.target())) || !test.ok("adamw NaN", c.run(test.target()))) return;
  int64_t wrong = std::isnan(c.gradNorm[0]) ? 0 : 1;
  for (const Floats* values : {&c.newParams, &c.newM, &c.newV}) {
    for (size_t i = 0; i < values->size(); ++i) {
      wrong += std::isnan((*values)[i]) != (i == 8 || std::isfinite(clipNorm));
    }
  }
  test.expect(std::string("adamw NaN ") + (std::isfinite(clipNorm) ? "with" : "without") +
                  " clipping, elements that are wrong",
              static_cast<double>(wrong), 0);
}

std::vector<int64_t> many(size_t count) {
  std::vector<int64_t> lengths;
  for (size_t i = 0; i < count; ++i) lengths.push_back(i % 7 == 3 ? 0 : static_cast<int64_t>(i * 37 % 911));
  return lengths;
}

}  // namespace

void checkAdamw(Selftest& test) {
  for (const double clip : {kInfinity, 1.0}) {
    const std::string with = clip == 1.0 ? ", clipped" : "";
    check(test, "one element" + with, {{1}, clip});
    check(test, "nothing" + with, {{}, clip});
    check(test, "no elements" + with, {{0, 0}, clip});
    check(test, "odd lengths" + with, {{1023, 1, 7, 0, 8191, 3, 8193, 100003}, clip});
    check(test, "whole parts" + with, {{8192, 16384, 8192}, clip});
    check(test, "1,500 parameters" + with, {many(1500), clip});
    for (int64_t offset = 1; offset < 4; ++offset) {
      const std::string at = std::to_string(offset) + " past alignment" + with;
      check(test, "gradients " + at, {{4096, 5, 30001}, clip, 1, 1, 0, offset});
      check(test, "all arrays " + at, {{4097, 5, 30001}, clip, 1, 1, offset, 4 - offset});
    }
    check(test, "tiny gradients" + with, {{193, 5, 64, 1000, 3}, clip, 1e-12, 1e-6});
    check(test, "huge gradients" + with, {{193, 5, 64, 1000, 3}, clip, 1e15, 1e10});
  }
  check(test, "a norm that is not reached", {{100003}, 1e9});
  notANumber(test, kInfinity);
  notANumber(test, 1.0);
  Case c(test, {{5, 8}});
  if (!test.ok("adamw refusals", c.place(test.target()))) return;
  c.call.beta1 = 1;
  test.refused("adamw beta1 1", test.target().adamw(c.call), Code::kInvalidArgument);
  c.call.beta1 = 0.9, c.call.newM = const_cast<float*>(c.call.m);
  test.refused("adamw overlap", test.target().adamw(c.call), Code::kInvalidArgument);
}

}  // namespace vlltr
