#include "tensorflow/graph_api.h"

#include <mutex>
#include <string>

namespace vlltr::tensorflow {
namespace {

GraphApi found;
bool complete = false;
std::mutex mutex;

}  // namespace

Status findGraphApi() {
  VLLTR_RETURN_IF_ERROR(findApi());
  const std::lock_guard lock(mutex);
  if (complete) return Status();
  std::vector<void*> libraries;
  VLLTR_RETURN_IF_ERROR(loadedLibraries(&libraries));
  std::string missing;
  GraphApi api;
#define VLLTR_FIND(name, result, parameters)                                       \
  api.name = reinterpret_cast<result(*) parameters>(findSymbol(libraries, #name)); \
  if (api.name == nullptr) missing += " " #name;
  VLLTR_TENSORFLOW_GRAPH_SYMBOLS(VLLTR_FIND)
#undef VLLTR_FIND
  if (!missing.empty()) return unavailable("the TensorFlow in this process lacks:" + missing);
  found = api;
  complete = true;
  return Status();
}

const GraphApi& graphApi() { return found; }

}  // namespace vlltr::tensorflow
