#pragma once

#include <napi.h>

#include <cstdint>
#include <string>
#include <vector>

// Values of JavaScript as the C++ has them. What is missing or of another type makes node-addon-api throw.
namespace vlltr::node {

inline int integer(const Napi::Value& value) { return value.As<Napi::Number>().Int32Value(); }

inline std::string text(const Napi::Object& object, const char* key) {
  return object.Get(key).As<Napi::String>().Utf8Value();
}

template <class Use>
void each(const Napi::Value& list, Use use) {
  const Napi::Array array = list.As<Napi::Array>();
  for (uint32_t i = 0; i < array.Length(); ++i) use(Napi::Value(array.Get(i)));
}

inline std::vector<int> integers(const Napi::Value& list) {
  std::vector<int> values;
  each(list, [&](const Napi::Value& value) { values.push_back(integer(value)); });
  return values;
}

inline std::vector<int64_t> longs(const Napi::Value& list) {
  std::vector<int64_t> values;
  each(list, [&](const Napi::Value& value) { values.push_back(value.As<Napi::Number>().Int64Value()); });
  return values;
}

}  // namespace vlltr::node
