#pragma once

#include <cstdint>
#include <vector>

#include "vlltr/device.h"

namespace vlltr::cuda {

/**
 * Arrays of the host on a device for one call. Each array's pointer is registered where the call has it;
 * `begin` copies the inputs and lets all pointers point to the device, `end` copies the outputs back and
 * waits. Copies go through the device's page-locked buffer, in pieces that overlap with their way over the
 * bus.
 */
class Staging {
 public:
  Staging(Device& device, const char* op) : device_(device), op_(op) {}

  /** Empty arrays stay as they are. */
  template <class T>
  void in(const char* name, const T** pointer, int64_t count) {
    add(inputs_, name, reinterpret_cast<void**>(const_cast<T**>(pointer)), count * int64_t{sizeof(T)});
  }
  template <class T>
  void out(const char* name, T** pointer, int64_t count) {
    add(outputs_, name, reinterpret_cast<void**>(pointer), count * int64_t{sizeof(T)});
  }

  Status begin();
  Status end();

 private:
  struct Array {
    const char* name;
    void** pointer;
    char* host;
    int64_t bytes;
    int64_t at;  // on the device, from the beginning of the inputs or outputs
  };
  static void add(std::vector<Array>& to, const char* name, void** pointer, int64_t bytes);
  Status checkArrays() const;
  static int64_t layOut(std::vector<Array>& arrays);

  Device& device_;
  const char* op_;
  std::vector<Array> inputs_, outputs_;
  int64_t inputBytes_ = 0, outputBytes_ = 0;
  DeviceMemory memory_;
};

}  // namespace vlltr::cuda
