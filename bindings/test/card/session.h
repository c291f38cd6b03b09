// TensorFlow's eager execution by its C API, in this process, without Node.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tensorflow/function.h"
#include "tensorflow/register.h"

// Opaque types of tensorflow/c/eager/c_api.h.
extern "C" {
struct TFE_ContextOptions;
struct TFE_Op;
struct TFE_TensorHandle;
}

namespace vlltr::tensorflow {

using Floats = std::vector<float>;

/** How an op is run. */
enum class Way { kByItself, kInFunction };

struct Input {
  ConstantTensor tensor;
  bool late = false;  // its values are written some time after TensorFlow has given it out (hazards.h)
};

class Session {
 public:
  /** Loads TensorFlow from the folder that holds its libraries, registers the addon's ops and the hazards',
   * and makes a context. Ends the process where that fails. */
  explicit Session(const std::string& folder);

  /** What the addon registered. */
  const Registration& registration() const { return registration_; }

  /** Runs an op, whose outputs are float32; `op.inputs` are left out. What TensorFlow says where it fails. */
  Status run(Way way, FunctionOp op, const std::vector<Input>& inputs, std::vector<Floats>* outputs);

 private:
  struct HandleDeleter {
    void operator()(TFE_TensorHandle* handle) const;
  };
  using Handle = std::unique_ptr<TFE_TensorHandle, HandleDeleter>;

  Handle place(const ConstantTensor& tensor);
  Status execute(const FunctionOp& op, const std::vector<Handle>& inputs, std::vector<Handle>* outputs);
  Status runInFunction(FunctionOp op, const std::vector<Input>& inputs, const std::vector<Handle>& handles,
                       std::vector<Handle>* outputs);

  TFE_Context* context_ = nullptr;
  Registration registration_;
  int functions_ = 0;
};

}  // namespace vlltr::tensorflow
