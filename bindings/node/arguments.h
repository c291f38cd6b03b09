#pragma once

#include <napi.h>

#include <cstdint>
#include <string>
#include <vector>

#include "vlltr/status.h"

namespace vlltr::node {

/** The elements of a Float32Array. */
struct FloatArray {
  float* data = nullptr;
  int64_t length = 0;
};

/** Reads the arguments of one call; after the first wrong one the rest are skipped. See `status()` at the
 * end. */
class Arguments {
 public:
  Arguments(const char* method, const Napi::CallbackInfo& info) : method_(method), info_(info) {}

  /** A Float32Array with `length` elements, or of any length where `length` is negative. */
  float* floats(size_t index, const char* name, int64_t length = -1);
  /** An array of Float32Arrays of any length. */
  std::vector<FloatArray> floatArrays(size_t index, const char* name);
  /** The number of elements of the Float32Array at `index`. */
  int64_t length(size_t index, const char* name);
  /** An Int32Array with `length` elements. */
  int32_t* integers(size_t index, const char* name, int64_t length);
  /** An Int32Array of any length, which goes to `length` unless that is null. */
  int32_t* integers(size_t index, const char* name, int64_t* length = nullptr);
  /** A Uint8Array of any length, which goes to `length`. */
  uint8_t* bytes(size_t index, const char* name, int64_t* length);
  /** A Uint8Array with `length` elements. */
  uint8_t* bytes(size_t index, const char* name, int64_t length);
  /** A Uint8Array of whole RGB pixels, whose number goes to `count`. */
  uint8_t* pixels(size_t index, const char* name, int64_t* count);
  /** A JavaScript number that is whole, within ±2^53. */
  int64_t whole(size_t index, const char* name);
  /** A JavaScript number that is a whole one of 32 bits without a sign. */
  uint32_t word(size_t index, const char* name);
  bool boolean(size_t index, const char* name);
  std::string text(size_t index, const char* name);
  /** A JavaScript number. */
  double number(size_t index, const char* name);

  /** rows x width, or the largest int64 (which no array is long) where that is larger. */
  static int64_t product(int64_t rows, int64_t width);

  const Status& status() const { return status_; }

 private:
  FloatArray floatArray(const Napi::Value& value, const std::string& name);
  /** Refuses another length; false where anything was refused. */
  bool hasLength(const char* name, int64_t found, int64_t expected, const char* unit);
  void refuse(const std::string& name, const std::string& is, const std::string& expected);

  const char* method_;
  const Napi::CallbackInfo& info_;
  Status status_;
};

/** A JavaScript error with `code` ERR_NATIVE. */
Napi::Error errorOf(Napi::Env env, const Status& status);

/** The same, thrown into the environment. */
[[noreturn]] void throwStatus(Napi::Env env, const Status& status);

}  // namespace vlltr::node
