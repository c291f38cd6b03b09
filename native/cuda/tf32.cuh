#pragma once

#include <cstdint>

namespace vlltr::cuda {

/** A float as the sum of two numbers of 11 bits, which is what the products of `multiplyAddTf32` take. */
struct Tf32Parts {
  uint32_t high, low;

  __device__ __forceinline__ explicit Tf32Parts(float value) {
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(high) : "f"(value));
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(low) : "f"(value - __uint_as_float(high)));
  }
};

/** sums [16, 8] += a [16, 8] b [8, 8]^T, for a warp. */
__device__ __forceinline__ void multiplyAddTf32(float (&sums)[4], const uint32_t (&a)[4],
                                                const uint32_t (&b)[2]) {
  asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

}  // namespace vlltr::cuda
