#include "tensorflow/api.h"

#include <dlfcn.h>

#include <mutex>
#include <string>
#include <vector>

namespace vlltr::tensorflow {
namespace {

// The C API is spread over the first two; builds of the C library alone have the third.
constexpr const char* kLibraries[] = {"libtensorflow_framework.so.2", "libtensorflow_cc.so.2",
                                      "libtensorflow.so.2"};

Api found;
bool complete = false;
std::mutex mutex;

}  // namespace

Status loadedLibraries(std::vector<void*>* libraries) {
  for (const char* name : kLibraries) {  // never closed: TensorFlow stays
    if (void* library = dlopen(name, RTLD_NOLOAD | RTLD_LAZY)) libraries->push_back(library);
  }
  if (!libraries->empty()) return Status();
  return unavailable(
      "no TensorFlow in this process: none of libtensorflow_framework.so.2, libtensorflow_cc.so.2 and "
      "libtensorflow.so.2 is loaded");
}

void* findSymbol(const std::vector<void*>& libraries, const char* symbol) {
  for (void* library : libraries) {
    if (void* address = dlsym(library, symbol)) return address;
  }
  return nullptr;
}

Status findApi() {
  const std::lock_guard lock(mutex);
  if (complete) return Status();
  std::vector<void*> libraries;
  VLLTR_RETURN_IF_ERROR(loadedLibraries(&libraries));
  std::string missing;
  Api api;
#define VLLTR_FIND(name, result, parameters) \
  api.name = reinterpret_cast<result(*) parameters>(findSymbol(libraries, "TF_" #name));
#define VLLTR_MISSED(name, result, parameters) \
  if (api.name == nullptr) missing += " TF_" #name;
  VLLTR_TENSORFLOW_SYMBOLS(VLLTR_FIND)
  VLLTR_TENSORFLOW_CARD_SYMBOLS(VLLTR_FIND)
  VLLTR_TENSORFLOW_SYMBOLS(VLLTR_MISSED)
#undef VLLTR_MISSED
#undef VLLTR_FIND
  if (!missing.empty()) return unavailable("the TensorFlow in this process lacks:" + missing);
  found = api;
  complete = true;
  return Status();
}

const Api& api() { return found; }

}  // namespace vlltr::tensorflow
