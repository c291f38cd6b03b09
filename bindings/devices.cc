#include "devices.h"

#include <map>
#include <mutex>

namespace vlltr {

Status sharedDevice(int ordinal, std::shared_ptr<Device>* device) {
  struct Opened {
    std::mutex mutex;
    std::map<int, std::shared_ptr<Device>> devices;
  };
  // Never destroyed: at exit CUDA is gone before we are.
  static auto* opened = new Opened;
  const std::lock_guard lock(opened->mutex);
  std::shared_ptr<Device>& found = opened->devices[ordinal];
  if (found == nullptr) VLLTR_RETURN_IF_ERROR(Device::open(ordinal, &found));
  *device = found;
  return Status();
}

}  // namespace vlltr
