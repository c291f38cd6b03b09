#pragma once

#include <cstdint>
#include <vector>

#include "vlltr/contrastive.h"

namespace vlltr {

/** Labels as the kernels read them. */
struct ContrastiveClasses {
  std::vector<int32_t> row;        // [R], numbered from 0
  std::vector<int32_t> column;     // [N]
  std::vector<float> rowShare;     // [R]: (1 - epsilon) / n(y)
  std::vector<float> columnShare;  // [N]: epsilon / N
};

/** Numbers the classes of a batch and counts their columns. kInvalidArgument: an image whose class no column
 * has. */
Status makeContrastiveClasses(const ContrastiveInputs& call, ContrastiveClasses* classes);

/** The same refusal, for kernels that do not look at what labels there are. */
Status checkContrastiveClasses(const ContrastiveInputs& call);

}  // namespace vlltr
