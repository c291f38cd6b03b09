#pragma once

#include <exception>
#include <string>

#include "vlltr/status.h"

namespace vlltr::cuda {

/** What `call` gives, or that there is no memory for its lists. */
template <class Call>
Status guarded(const char* op, Call call) {
  try {
    return call();
  } catch (const std::exception&) {
    return Status(Code::kResourceExhausted, std::string(op) + ": no memory for the lists of a call");
  }
}

}  // namespace vlltr::cuda
