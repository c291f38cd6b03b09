#pragma once

namespace vlltr {

/** What a step comes to for the elements of one parameter. */
struct AdamwFactors {
  float clip;         // on the gradient
  float keepM, addM;  // beta1, 1 - beta1
  float keepV, addV;  // beta2, 1 - beta2
  float unbiasRootV;  // 1 / sqrt(1 - beta2^t)
  float epsilon;
  float stepSize;  // eta / (1 - beta1^t)
  float decay;     // eta lambda
  float upperBound;
};

}  // namespace vlltr
