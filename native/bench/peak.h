#pragma once

#include "vlltr/isa_kind.h"
#include "vlltr/thread_pool.h"

namespace vlltr::bench {

/** The most that the processor was seen to do, on all threads of a pool together. */
struct Peak {
  double float32 = 0;   // floating-point operations a second, multiply-adds counted as two
  double bfloat16 = 0;  // the same by its bfloat16 products; float32's where it has none
  double copy = 0;      // bytes a second, read and written ones together
};

/** Takes about a second and 512 MiB. */
Peak measurePeak(Isa isa, ThreadPool& pool);

}  // namespace vlltr::bench
