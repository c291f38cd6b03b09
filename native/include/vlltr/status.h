#pragma once

#include <string>
#include <utility>

namespace vlltr {

enum class Code {
  kOk,
  kInvalidArgument,    // a shape, length or value that the op does not take
  kUnavailable,        // an instruction set, library or device that is not there
  kResourceExhausted,  // workspace that could not be had
  kInternal,           // a defect of this library
};

/** What every function that can fail returns. Nothing in native/ throws across its interface. */
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Code code, std::string message) : code_(code), message_(std::move(message)) {}

  bool ok() const { return code_ == Code::kOk; }
  Code code() const { return code_; }
  const std::string& message() const { return message_; }

 private:
  Code code_ = Code::kOk;
  std::string message_;
};

inline Status invalidArgument(std::string message) {
  return Status(Code::kInvalidArgument, std::move(message));
}
inline Status unavailable(std::string message) { return Status(Code::kUnavailable, std::move(message)); }

}  // namespace vlltr

/** Leaves the enclosing function with the status of `expression` unless it is ok. */
#define VLLTR_RETURN_IF_ERROR(expression)                                                     \
  do {                                                                                        \
    if (::vlltr::Status vlltr_status = (expression); !vlltr_status.ok()) return vlltr_status; \
  } while (false)
