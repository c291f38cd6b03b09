#pragma once

#include "vlltr/isa.h"

namespace vlltr {

/** The kernels of one op for every instruction set that this build has. */
template <class Kernels>
struct KernelSet {
#if defined(VLLTR_X86)
  const Kernels* avx512Bf16;
  const Kernels* avx512;
  const Kernels* avx2;
#endif
  const Kernels* generic;

  const Kernels& of(Isa isa) const {
#if defined(VLLTR_X86)
    if (isa == Isa::kAvx512Bf16) return *avx512Bf16;
    if (isa == Isa::kAvx512) return *avx512;
    if (isa == Isa::kAvx2) return *avx2;
#endif
    static_cast<void>(isa);
    return *generic;
  }
};

#if defined(VLLTR_X86)
#define VLLTR_KERNEL_SET(name) {&name##Avx512Bf16, &name##Avx512, &name##Avx2, &name##Generic}
#else
#define VLLTR_KERNEL_SET(name) {&name##Generic}
#endif

}  // namespace vlltr
