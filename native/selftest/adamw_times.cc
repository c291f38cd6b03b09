#include <algorithm>
#include <cmath>
#include <limits>

#include "cuda/adamw.h"
#include "selftest/selftest.h"

namespace vlltr {

void timeAdamw(Selftest& test) {
  constexpr int64_t kWidth = 768, kSize = 90'000'000;
  Device& device = test.device();
  for (const double clip : {std::numeric_limits<double>::infinity(), 1.0}) {
    // As a ViT has them: matrices, with vectors between, and last a scalar and what is left.
    Adamw call;
    for (int64_t left = kSize - 1; left > 0;) {
      const int64_t length = std::min(left, call.parameters.size() % 2 == 0 ? kWidth * kWidth : kWidth);
      call.parameters.push_back({nullptr, length, 0.05f, 1});
      left -= length;
    }
    call.parameters.push_back({nullptr, 1, 0, 1});
    call.size = kSize, call.clipNorm = clip, call.learningRate = 1e-4;
    DeviceMemory memory[7], norm;
    Status status = norm.reserve(device, sizeof(float));
    for (DeviceMemory& one : memory) {
      if (status.ok()) status = one.reserve(device, kSize * int64_t{sizeof(float)});
      if (status.ok()) status = device.fill(one.as<float>(), 0, kSize * int64_t{sizeof(float)});
    }
    if (!test.ok("memory for 90 M parameters", status)) return;
    const float* grad = memory[0].as<float>();
    for (AdamwParameter& p : call.parameters) p.grad = grad, grad += p.length;
    call.params = memory[1].as<float>(), call.m = memory[2].as<float>(), call.v = memory[3].as<float>();
    call.newParams = memory[4].as<float>(), call.newM = memory[5].as<float>(),
    call.newV = memory[6].as<float>();
    call.gradNorm = norm.as<float>();
    const bool clipped = std::isfinite(clip);
    const double milliseconds = test.median(11, [&] { return cuda::adamw(device, call); });
    const double moved = 4.0 * kSize * (clipped ? 8 : 7);
    test.timing({clipped ? "adamw, clipped" : "adamw", "90M", "fp32", milliseconds, 15.0 * kSize, moved, 0});
  }
}

}  // namespace vlltr
