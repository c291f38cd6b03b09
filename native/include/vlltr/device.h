#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "vlltr/status.h"

namespace vlltr {

/** A card as its driver describes it. */
struct Card {
  std::string name;
  int ordinal = 0;
  int major = 0, minor = 0;  // compute capability
  int multiprocessors = 0;
  int64_t memory = 0;           // bytes
  int driver = 0, runtime = 0;  // CUDA versions as CUDA has them: 13000 is 13.0
};

/**
 * A CUDA device in use, with a stream of its own. A call that names a device has all its arrays in that
 * device's memory and is enqueued on its stream: it returns before they are written, and `synchronize` waits.
 * Different threads may use one device; their calls are enqueued one after the other.
 */
class Device {
 public:
  /** Cards that the driver shows. kUnavailable, saying why, without a driver, a card, or CUDA in this build.
   */
  static Status count(int* cards);
  /** What the driver says of a card, which is not taken into use. kUnavailable: no such card. */
  static Status describe(int ordinal, Card* card);
  /** kUnavailable: no such card, or one older than compute capability 8.0. */
  static Status open(int ordinal, std::shared_ptr<Device>* device);
  ~Device();
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  const Card& card() const;

  /** kResourceExhausted, saying what was asked for and what is free. Contents are undefined. */
  Status allocate(int64_t bytes, void** memory);
  /** Once the work enqueued so far no longer needs it. */
  void release(void* memory);
  Status upload(void* to, const void* from, int64_t bytes);
  /** Waits for the copy. */
  Status download(void* to, const void* from, int64_t bytes);
  Status fill(void* to, uint8_t byte, int64_t bytes);
  /** The first error of the work enqueued so far, in CUDA's words. */
  Status synchronize();
  /** Waits for everything that anyone in this process has enqueued on the card so far, on whatever stream. */
  Status synchronizeCard();

  /** Milliseconds between two marks, on the device's own clock. */
  Status mark(int which);  // 0: the beginning, 1: the end
  Status elapsed(float* milliseconds);

  struct Data;
  Data& data() const { return *data_; }

 private:
  explicit Device(std::unique_ptr<Data> data);
  std::unique_ptr<Data> data_;
};

/**
 * Memory of a device that the caller of an op gives for what it holds beyond its arrays, until its work is
 * done; aligned to 256 bytes. Without it the op takes some of the device's own.
 */
struct LentMemory {
  void* memory = nullptr;
  int64_t bytes = 0;
};

/** Memory of a device that is released with its owner. */
class DeviceMemory {
 public:
  DeviceMemory() = default;
  ~DeviceMemory() { reset(); }
  DeviceMemory(DeviceMemory&& other) noexcept : device_(other.device_), memory_(other.memory_) {
    other.memory_ = nullptr;
  }
  DeviceMemory& operator=(DeviceMemory&& other) noexcept {
    std::swap(device_, other.device_);
    std::swap(memory_, other.memory_);
    return *this;
  }

  Status reserve(Device& device, int64_t bytes) {
    reset();
    device_ = &device;
    return device.allocate(bytes, &memory_);
  }
  template <class T>
  T* as(int64_t offset = 0) const {
    return reinterpret_cast<T*>(static_cast<char*>(memory_) + offset);
  }

 private:
  void reset() {
    if (memory_ != nullptr) device_->release(memory_);
    memory_ = nullptr;
  }
  Device* device_ = nullptr;
  void* memory_ = nullptr;
};

}  // namespace vlltr
