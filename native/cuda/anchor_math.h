#pragma once

#include <cmath>

#include "cuda/portable.h"

// Arithmetic of the attention to anchors that the device's compiler and the host's both take, so that it is
// tested without a device.
namespace vlltr::cuda {

constexpr float kLeastNorm = 1e-12f;

/** 1 / max(||G||, 1e-12) from ||G||^2, which rounding may have made negative where anchors cancel. */
VLLTR_HD float inverseLength(float square) {
  const float length = std::sqrt(square > 0 ? square : 0.f);
  return 1.f / (length < kLeastNorm ? kLeastNorm : length);
}

/** What flows back into one class's scores of one image: da_m = h_m - slope (K a)_m, then
 * dh_m = factor a_m and dl_m = factor a_m (da_m - <a, da>). */
struct AttentionSlope {
  float factor;  // exp(logitScale) dz / ||G||
  float slope;   // <x^, G> / ||G||^2; 0 where the norm is clamped or its gradient stopped

  /** `along` is <x^, G>, `upstream` exp(logitScale) dz. */
  VLLTR_HD AttentionSlope(float upstream, float along, float inverse, bool detachNorm)
      : factor(upstream * inverse), slope(along * inverse * inverse) {
    if (detachNorm || inverse >= (1 / kLeastNorm) * (1 - 1e-6f)) slope = 0;
  }
  VLLTR_HD float weight(float h, float gramWeight) const { return h - slope * gramWeight; }
  VLLTR_HD float value(float a) const { return a * factor; }
  VLLTR_HD float score(float a, float da, float mean) const { return a * factor * (da - mean); }
};

}  // namespace vlltr::cuda
