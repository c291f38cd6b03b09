#include "ops/arguments.h"

#include <limits>
#include <string>

namespace vlltr {
namespace {

bool overlap(const Span& a, const Span& b) {
  if (a.bytes == 0 || b.bytes == 0) return false;
  const auto first = reinterpret_cast<uintptr_t>(a.data), second = reinterpret_cast<uintptr_t>(b.data);
  return first < second + static_cast<uintptr_t>(b.bytes) && second < first + static_cast<uintptr_t>(a.bytes);
}

Status overlapError(const char* op, const Span& output, const Span& other) {
  return invalidArgument(std::string(op) + ": output " + output.name + " overlaps " + other.name +
                         ", expected memory of its own");
}

Status checkNull(const char* op, const Span& span) {
  if (span.data != nullptr || span.bytes == 0) return Status();
  return invalidArgument(std::string(op) + ": " + span.name + " is null");
}

}  // namespace

Status checkSpans(const char* op, std::span<const Span> inputs, std::span<const Span> outputs) {
  for (const Span& input : inputs) VLLTR_RETURN_IF_ERROR(checkNull(op, input));
  for (const Span& output : outputs) {
    VLLTR_RETURN_IF_ERROR(checkNull(op, output));
    for (const Span& input : inputs) {
      if (overlap(output, input)) return overlapError(op, output, input);
    }
    for (const Span& other : outputs) {
      if (&other != &output && overlap(output, other)) return overlapError(op, output, other);
    }
  }
  return Status();
}

Status checkMatrix(const char* op, int64_t rows, int64_t width) {
  const int64_t most = std::numeric_limits<int64_t>::max() / static_cast<int64_t>(sizeof(double));
  if (rows >= 0 && width >= 1 && rows <= most / width) return Status();
  return invalidArgument(std::string(op) + ": shape is [" + std::to_string(rows) + ", " +
                         std::to_string(width) + "], expected [rows >= 0, width >= 1]");
}

}  // namespace vlltr
