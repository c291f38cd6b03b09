#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace vlltr::tensorflow {

/** The fields of one protocol buffer message, in order. */
class Fields {
 public:
  Fields(const void* data, size_t length)
      : at_(static_cast<const unsigned char*>(data)), end_(at_ + length) {}

  /** Reads the next field; false at the end, or where the bytes are no message (`bad`). */
  bool next() {
    if (at_ == end_) return false;
    const uint64_t key = varint();
    number = static_cast<int>(key >> 3);
    switch (key & 7) {
      case 0:
        value = varint();
        return !bad;
      case 1:
        return skip(8);
      case 2: {
        const uint64_t length = varint();
        data = at_;
        size = static_cast<size_t>(length);
        return skip(length);
      }
      case 5:
        return skip(4);
      default:
        bad = true;
        return false;
    }
  }

  std::string text() const { return std::string(reinterpret_cast<const char*>(data), size); }

  int number = 0;
  uint64_t value = 0;
  const unsigned char* data = nullptr;
  size_t size = 0;
  bool bad = false;

 private:
  uint64_t varint() {
    uint64_t result = 0;
    for (int shift = 0; shift < 64 && at_ != end_; shift += 7) {
      const unsigned char byte = *at_++;
      result |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return result;
    }
    bad = true;
    return 0;
  }

  bool skip(uint64_t bytes) {
    if (bad || bytes > static_cast<uint64_t>(end_ - at_)) {
      bad = true;
      return false;
    }
    at_ += bytes;
    return true;
  }

  const unsigned char* at_;
  const unsigned char* end_;
};

}  // namespace vlltr::tensorflow
