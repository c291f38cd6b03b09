#pragma once

#include <memory>

#include "vlltr/device.h"

// Devices in use, which all environments of the process share.
namespace vlltr {

/** Opens a device at its first use; it stays open. Errors as Device::open's. */
Status sharedDevice(int ordinal, std::shared_ptr<Device>* device);

}  // namespace vlltr
