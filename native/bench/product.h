#pragma once

#include <string>
#include <vector>

#include "bench/participant.h"
#include "vlltr/gemm.h"
#include "vlltr/status.h"

namespace vlltr::bench {

/** A [M, K] and B [N, K] of a request, and C = A Bᵀ. */
class Product {
 public:
  /** Reads `a.f32` and `b.f32` of the folder that the request names. */
  Status read(const Request& request, Precision precision);
  Status run();
  /** Writes C. */
  Status write(const std::string& path) const;

 private:
  std::vector<float> a_, b_, c_;
  Gemm call_;
};

}  // namespace vlltr::bench
