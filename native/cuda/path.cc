#include "cuda/path.h"

#include <atomic>
#include <cstdlib>
#include <string_view>

namespace vlltr::cuda {
namespace {

std::atomic<Path>& chosen() {
  static std::atomic<Path> path = [] {
    const char* given = std::getenv("VLLTR_CUDA_PATH");
    const std::string_view name = given == nullptr ? "" : given;
    return name == "mma" ? Path::kMma : name == "untried" ? Path::kUntried : Path::kFastest;
  }();
  return path;
}

}  // namespace

void setPath(Path path) { chosen() = path; }
Path path() { return chosen(); }

bool takesHopper(const Device& device) {
#if defined(VLLTR_CUDA_HOPPER)
  const Card& card = device.card();
  return card.major == 9 && card.minor == 0 && (path() == Path::kFastest || path() == Path::kUntried);
#else
  static_cast<void>(device);
  return false;
#endif
}

}  // namespace vlltr::cuda
