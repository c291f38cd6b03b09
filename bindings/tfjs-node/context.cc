// Linked into TensorFlow.js's binding with --wrap=TFE_NewContext: remembers the eager context that the
// binding makes, so that the addon can add functions to it (bindings/tensorflow/function.h) and the binding
// run them on its own tensors. Every environment (main thread, worker) makes a context of its own, on its own
// thread.
extern "C" {
struct TFE_Context;
struct TFE_ContextOptions;
struct TF_Status;

TFE_Context* __real_TFE_NewContext(const TFE_ContextOptions*, TF_Status*);

static thread_local TFE_Context* current = nullptr;

TFE_Context* __wrap_TFE_NewContext(const TFE_ContextOptions* options, TF_Status* status) {
  current = __real_TFE_NewContext(options, status);
  return current;
}

/** The context of the calling thread's environment, or null. */
__attribute__((visibility("default"))) TFE_Context* vlltrTensorFlowContext() { return current; }
}
