#pragma once

#include <cstdint>
#include <cstring>

#include "cuda/portable.h"

/** Rounding to bfloat16, on devices and on the host. */
namespace vlltr::cuda {

/** Bits of the nearest bfloat16, ties to even; NaN stays NaN. */
VLLTR_HD uint16_t roundToBfloat16(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>(bits >> 16 | 0x40);
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

VLLTR_HD float fromBfloat16(uint16_t half) {
  const uint32_t bits = static_cast<uint32_t>(half) << 16;
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/** A float as high + low to 2^-17 of itself, each a bfloat16. */
struct SplitFloat {
  uint16_t high, low;
};
VLLTR_HD SplitFloat splitFloat(float value) {
  const uint16_t high = roundToBfloat16(value);
  return {high, roundToBfloat16(value - fromBfloat16(high))};
}

}  // namespace vlltr::cuda
