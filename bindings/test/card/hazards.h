// What TensorFlow does on a card at its own pace, for kernels that are to wait for it. A stream stands in for
// its own: values of tensors are written there late, and the last that had the memory of a new tensor still
// writes to it.
#pragma once

namespace vlltr::tensorflow {

/** An op "x: float" to "y: float" whose output has its values once the stream has come to it. */
constexpr const char* kLaterOp = "TestLater";

/** Registers it, and takes over the allocations of kernels' calls. After `registerOps`. */
void makeHazards();

/**
 * While in scope, values are there at once and memory is nobody else's: for kernels that refuse before they
 * wait. A card's memory stays TensorFlow's; here it is the host's, and would be written to when it is
 * another's.
 */
class WithoutHazards {
 public:
  WithoutHazards();
  ~WithoutHazards();
};

/** The next allocation of workspace fails, as if a card had no memory left. */
void refuseWorkspace();

}  // namespace vlltr::tensorflow
