#pragma once

namespace vlltr {

/** Instruction sets that kernels are built for. Apart from isa.h, for units that may not include <string>. */
enum class Isa { kGeneric, kAvx2, kAvx512, kAvx512Bf16 };

}  // namespace vlltr
