#include "tensorflow/card.h"

namespace vlltr::tensorflow {

Status lend(KernelCall& kernel, int64_t bytes, LentMemory* lent) {
  // TensorFlow promises less than this of a tensor's memory.
  constexpr uintptr_t kAlignment = 256;
  void* memory = nullptr;
  VLLTR_RETURN_IF_ERROR(kernel.temporary(bytes + int64_t{kAlignment - 1}, &memory));
  const uintptr_t first = (reinterpret_cast<uintptr_t>(memory) + kAlignment - 1) / kAlignment * kAlignment;
  *lent = {reinterpret_cast<void*>(first), bytes};
  return Status();
}

}  // namespace vlltr::tensorflow
