#include "node/arguments.h"

#include <cmath>
#include <iterator>
#include <limits>

namespace vlltr::node {
namespace {

std::string describe(const Napi::Value& value) {
  switch (value.Type()) {
    case napi_undefined:
      return "undefined";
    case napi_null:
      return "null";
    case napi_boolean:
      return "a boolean";
    case napi_number:
      return "a number";
    case napi_string:
      return "a string";
    case napi_function:
      return "a function";
    default:
      break;
  }
  static constexpr const char* kArrays[] = {"an Int8Array",    "a Uint8Array",    "a Uint8ClampedArray",
                                            "an Int16Array",   "a Uint16Array",   "an Int32Array",
                                            "a Uint32Array",   "a Float32Array",  "a Float64Array",
                                            "a BigInt64Array", "a BigUint64Array"};
  if (value.IsTypedArray()) {
    napi_typedarray_type type;
    if (napi_get_typedarray_info(value.Env(), value, &type, nullptr, nullptr, nullptr, nullptr) == napi_ok &&
        static_cast<size_t>(type) < std::size(kArrays)) {
      return kArrays[type];
    }
    return "a typed array";
  }
  return "an object";
}

/** The memory of a typed array of one of two types; false where the value is none such. */
bool typedArray(const Napi::Value& value, napi_typedarray_type one, napi_typedarray_type other, void** data,
                int64_t* length) {
  napi_typedarray_type type = napi_int8_array;
  size_t count = 0;
  if (!value.IsTypedArray() ||
      napi_get_typedarray_info(value.Env(), value, &type, &count, data, nullptr, nullptr) != napi_ok ||
      (type != one && type != other)) {
    return false;
  }
  *length = static_cast<int64_t>(count);
  return true;
}

}  // namespace

void Arguments::refuse(const std::string& name, const std::string& is, const std::string& expected) {
  status_ = invalidArgument(std::string(method_) + ": " + name + " is " + is + ", expected " + expected);
}

bool Arguments::hasLength(const char* name, int64_t found, int64_t expected, const char* unit) {
  if (status_.ok() && found != expected) {
    refuse(name, std::to_string(found) + " " + unit + " long", std::to_string(expected));
  }
  return status_.ok();
}

FloatArray Arguments::floatArray(const Napi::Value& value, const std::string& name) {
  void* data = nullptr;
  int64_t length = 0;
  if (!typedArray(value, napi_float32_array, napi_float32_array, &data, &length)) {
    refuse(name, describe(value), "a Float32Array");
    return {};
  }
  return {static_cast<float*>(data), length};
}

float* Arguments::floats(size_t index, const char* name, int64_t length) {
  if (!status_.ok()) return nullptr;
  const FloatArray found = floatArray(info_[index], name);
  return length < 0 || hasLength(name, found.length, length, "values") ? found.data : nullptr;
}

std::vector<FloatArray> Arguments::floatArrays(size_t index, const char* name) {
  std::vector<FloatArray> found;
  if (!status_.ok()) return found;
  if (!info_[index].IsArray()) {
    refuse(name, describe(info_[index]), "an array of Float32Arrays");
    return found;
  }
  const Napi::Array list = info_[index].As<Napi::Array>();
  for (uint32_t i = 0; i < list.Length() && status_.ok(); ++i) {
    found.push_back(floatArray(list.Get(i), std::string(name) + "[" + std::to_string(i) + "]"));
  }
  return found;
}

int64_t Arguments::length(size_t index, const char* name) {
  return status_.ok() ? floatArray(info_[index], name).length : 0;
}

int32_t* Arguments::integers(size_t index, const char* name, int64_t* length) {
  if (!status_.ok()) return nullptr;
  void* data = nullptr;
  int64_t count = 0;
  if (!typedArray(info_[index], napi_int32_array, napi_int32_array, &data, &count)) {
    refuse(name, describe(info_[index]), "an Int32Array");
    return nullptr;
  }
  if (length != nullptr) *length = count;
  return static_cast<int32_t*>(data);
}

int32_t* Arguments::integers(size_t index, const char* name, int64_t length) {
  int64_t found = 0;
  int32_t* data = integers(index, name, &found);
  return hasLength(name, found, length, "values") ? data : nullptr;
}

uint8_t* Arguments::bytes(size_t index, const char* name, int64_t* length) {
  if (!status_.ok()) return nullptr;
  void* data = nullptr;
  if (!typedArray(info_[index], napi_uint8_array, napi_uint8_clamped_array, &data, length)) {
    refuse(name, describe(info_[index]), "a Uint8Array");
    return nullptr;
  }
  return static_cast<uint8_t*>(data);
}

uint8_t* Arguments::bytes(size_t index, const char* name, int64_t length) {
  int64_t found = 0;
  uint8_t* data = bytes(index, name, &found);
  return hasLength(name, found, length, "bytes") ? data : nullptr;
}

uint8_t* Arguments::pixels(size_t index, const char* name, int64_t* count) {
  int64_t length = 0;
  uint8_t* data = bytes(index, name, &length);
  if (status_.ok() && length % 3 != 0) {
    refuse(name, std::to_string(length) + " bytes long", "whole pixels of three");
  }
  *count = length / 3;
  return status_.ok() ? data : nullptr;
}

int64_t Arguments::whole(size_t index, const char* name) {
  const double value = number(index, name);
  if (!status_.ok()) return 0;
  if (!(std::abs(value) <= 9007199254740991.0 && value == std::floor(value))) {
    refuse(name, std::to_string(value), "a whole number");
    return 0;
  }
  return static_cast<int64_t>(value);
}

uint32_t Arguments::word(size_t index, const char* name) {
  const int64_t value = whole(index, name);
  if (status_.ok() && (value < 0 || value > std::numeric_limits<uint32_t>::max())) {
    refuse(name, std::to_string(value), "a whole number of 32 bits");
  }
  return static_cast<uint32_t>(value);
}

bool Arguments::boolean(size_t index, const char* name) {
  if (!status_.ok()) return false;
  if (!info_[index].IsBoolean()) {
    refuse(name, describe(info_[index]), "a boolean");
    return false;
  }
  return info_[index].As<Napi::Boolean>().Value();
}

std::string Arguments::text(size_t index, const char* name) {
  if (!status_.ok()) return {};
  if (!info_[index].IsString()) {
    refuse(name, describe(info_[index]), "a string");
    return {};
  }
  return info_[index].As<Napi::String>().Utf8Value();
}

double Arguments::number(size_t index, const char* name) {
  if (!status_.ok()) return 0;
  if (!info_[index].IsNumber()) {
    refuse(name, describe(info_[index]), "a number");
    return 0;
  }
  return info_[index].As<Napi::Number>().DoubleValue();
}

int64_t Arguments::product(int64_t rows, int64_t width) {
  int64_t result;
  return __builtin_mul_overflow(rows, width, &result) ? std::numeric_limits<int64_t>::max() : result;
}

Napi::Error errorOf(Napi::Env env, const Status& status) {
  const bool argument = status.code() == Code::kInvalidArgument;
  Napi::Error error = argument ? static_cast<Napi::Error>(Napi::TypeError::New(env, status.message()))
                               : Napi::Error::New(env, status.message());
  error.Set("code", Napi::String::New(env, "ERR_NATIVE"));
  return error;
}

void throwStatus(Napi::Env env, const Status& status) { throw errorOf(env, status); }

}  // namespace vlltr::node
