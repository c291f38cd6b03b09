#pragma once

#include "cuda/bfloat16.h"

struct __nv_bfloat16 {
  uint16_t bits;
};
struct alignas(4) __nv_bfloat162 {
  uint16_t x, y;
};

inline __nv_bfloat16 __float2bfloat16(float value) { return {vlltr::cuda::roundToBfloat16(value)}; }
inline __nv_bfloat162 __floats2bfloat162_rn(float low, float high) {
  return {vlltr::cuda::roundToBfloat16(low), vlltr::cuda::roundToBfloat16(high)};
}
inline float __low2float(__nv_bfloat162 pair) { return vlltr::cuda::fromBfloat16(pair.x); }
inline float __high2float(__nv_bfloat162 pair) { return vlltr::cuda::fromBfloat16(pair.y); }
