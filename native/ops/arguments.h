#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>

#include "vlltr/status.h"

namespace vlltr {

/** One array of a call, for the checks that all ops share. */
struct Span {
  const char* name;
  const void* data;
  int64_t bytes;
};

template <class T>
Span span(const char* name, const T* data, int64_t count) {
  return {name, data, count * static_cast<int64_t>(sizeof(T))};
}

/** kInvalidArgument where an array is null (and not empty), or an output overlaps another array. */
Status checkSpans(const char* op, std::span<const Span> inputs, std::span<const Span> outputs);
inline Status checkSpans(const char* op, std::initializer_list<Span> inputs,
                         std::initializer_list<Span> outputs) {
  return checkSpans(op, std::span(inputs.begin(), inputs.size()), std::span(outputs.begin(), outputs.size()));
}

/** kInvalidArgument unless rows >= 0, width >= 1 and an array of rows x width float64 can be addressed. */
Status checkMatrix(const char* op, int64_t rows, int64_t width);

}  // namespace vlltr
