// The warpgroup's products: 64 rows of A by N rows of B, 16 deep, bf16 from shared memory, sums in registers.
#pragma once

#include <cstdint>

#include "cuda/hopper_operand.h"

namespace vlltr::cuda::hopper {

__device__ __forceinline__ void beginProducts() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
__device__ __forceinline__ void commitProducts() {
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}
/** Until at most kLeft commits are unfinished. */
template <int kLeft>
__device__ __forceinline__ void awaitProducts() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(kLeft) : "memory");
}

/** A warp's share of a tile: fragment j has rows lane / 4 and 8 more, columns 8 j + 2 (lane % 4) and 1 more:
 * [0], [1] are the first row's, [2], [3] the second's. */
template <int kColumns>
using Sums = float[kColumns / 8][4];

/** Keeps the compiler from reading sums before the products that are still writing them were awaited. */
template <int kFragments>
__device__ __forceinline__ void pin(float (&d)[kFragments][4]) {
#pragma unroll
  for (int j = 0; j < kFragments; ++j) {
    asm volatile("" : "+f"(d[j][0]), "+f"(d[j][1]), "+f"(d[j][2]), "+f"(d[j][3])::"memory");
  }
}

#define VLLTR_D1(c, j) c(d[j][0]), c(d[j][1]), c(d[j][2]), c(d[j][3])
#define VLLTR_D4(c, j) VLLTR_D1(c, j), VLLTR_D1(c, j + 1), VLLTR_D1(c, j + 2), VLLTR_D1(c, j + 3)
#define VLLTR_D8(c, j) VLLTR_D4(c, j), VLLTR_D4(c, j + 4)
#define VLLTR_R2(t, a, b) "%" #t #a ", %" #t #b ", "
#define VLLTR_R10(t) VLLTR_R2(t, 0, 1) VLLTR_R2(t, 2, 3) VLLTR_R2(t, 4, 5) VLLTR_R2(t, 6, 7) VLLTR_R2(t, 8, 9)
#define VLLTR_R60 VLLTR_R10() VLLTR_R10(1) VLLTR_R10(2) VLLTR_R10(3) VLLTR_R10(4) VLLTR_R10(5)
#define VLLTR_R64 VLLTR_R60 "%60, %61, %62, %63"
#define VLLTR_R128                                                            \
  VLLTR_R60 VLLTR_R10(6) VLLTR_R10(7) VLLTR_R10(8) VLLTR_R10(9) VLLTR_R10(10) \
      VLLTR_R10(11) "%120, %121, %122, %123, %124, %125, %126, %127"
#define VLLTR_WGMMA(n, registers, a, b, add, ta, tb)                                                  \
  "wgmma.mma_async.sync.aligned.m64n" #n "k16.f32.bf16.bf16 {" registers "}, %" #a ", %" #b ", " #add \
  ", 1, 1, %" #ta ", %" #tb ";"
#define VLLTR_OPERANDS "l"(a), "l"(b), "n"(kA == Major::kBreadth), "n"(kB == Major::kBreadth)
#define VLLTR_SET(x) "=f"(x)
#define VLLTR_ADD(x) "+f"(x)

/** d = A B^T, or d += A B^T. What d was before is no operand of the former: the compiler is not to think that
 * its registers are in use. */
template <Major kA, Major kB, bool kAdd>
__device__ __forceinline__ void multiply(Sums<128>& d, uint64_t a, uint64_t b) {
  if constexpr (kAdd) {
    asm volatile(VLLTR_WGMMA(128, VLLTR_R64, 64, 65, 1, 66, 67)
                 : VLLTR_D8(VLLTR_ADD, 0), VLLTR_D8(VLLTR_ADD, 8)
                 : VLLTR_OPERANDS);
  } else {
    asm volatile(VLLTR_WGMMA(128, VLLTR_R64, 64, 65, 0, 66, 67)
                 : VLLTR_D8(VLLTR_SET, 0), VLLTR_D8(VLLTR_SET, 8)
                 : VLLTR_OPERANDS);
  }
}

template <Major kA, Major kB, bool kAdd>
__device__ __forceinline__ void multiply(Sums<256>& d, uint64_t a, uint64_t b) {
  if constexpr (kAdd) {
    asm volatile(VLLTR_WGMMA(256, VLLTR_R128, 128, 129, 1, 130, 131)
                 : VLLTR_D8(VLLTR_ADD, 0), VLLTR_D8(VLLTR_ADD, 8), VLLTR_D8(VLLTR_ADD, 16),
                   VLLTR_D8(VLLTR_ADD, 24)
                 : VLLTR_OPERANDS);
  } else {
    asm volatile(VLLTR_WGMMA(256, VLLTR_R128, 128, 129, 0, 130, 131)
                 : VLLTR_D8(VLLTR_SET, 0), VLLTR_D8(VLLTR_SET, 8), VLLTR_D8(VLLTR_SET, 16),
                   VLLTR_D8(VLLTR_SET, 24)
                 : VLLTR_OPERANDS);
  }
}

#undef VLLTR_D1
#undef VLLTR_D4
#undef VLLTR_D8
#undef VLLTR_R2
#undef VLLTR_R10
#undef VLLTR_R60
#undef VLLTR_R64
#undef VLLTR_R128
#undef VLLTR_WGMMA
#undef VLLTR_OPERANDS
#undef VLLTR_SET
#undef VLLTR_ADD

}  // namespace vlltr::cuda::hopper
