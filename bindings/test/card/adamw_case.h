#pragma once

#include <cmath>

#include "card/session.h"
#include "random.h"
#include "vlltr/adamw.h"

namespace vlltr::tensorflow {

/** A drawn step over parameters of these lengths, with rules of several kinds. */
struct AdamwCase {
  Adamw call;
  Floats params, m, v, grads, newParams, newM, newV;
  float norm = 0;

  AdamwCase(const std::vector<int64_t>& lengths, double clipNorm, uint64_t seed) {
    Random random{seed * 0x9E3779B97F4A7C15ull + 1};
    for (const int64_t length : lengths) call.size += length;
    const auto fill = [&](Floats& to, bool positive) {
      for (int64_t i = 0; i < call.size; ++i) to.push_back(positive ? std::abs(random()) : random());
    };
    fill(params, false), fill(m, false), fill(v, true), fill(grads, false);
    const float* grad = grads.data();
    for (const int64_t length : lengths) {
      AdamwParameter p;
      p.grad = grad, p.length = length;
      p.weightDecay = call.parameters.size() % 2 == 0 ? 0.1f : 0, p.rate = 1 + 0.5f * random();
      if (call.parameters.size() % 3 == 1) p.upperBound = 0.25f;
      call.parameters.push_back(p);
      grad += length;
    }
    newParams.resize(params.size()), newM = newV = newParams;
    call.params = params.data(), call.m = m.data(), call.v = v.data();
    call.newParams = newParams.data(), call.newM = newM.data(), call.newV = newV.data();
    call.gradNorm = &norm;
    call.learningRate = 0.03125, call.step = 7, call.clipNorm = clipNorm;
    call.beta1 = 0.875, call.beta2 = 0.96875, call.epsilon = 0x1p-20;
  }
};

}  // namespace vlltr::tensorflow
