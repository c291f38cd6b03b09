#include "tensorflow/op_definition.h"

#include "tensorflow/kernel.h"

namespace vlltr::tensorflow {
namespace {

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

// Field numbers of OpDef and OpDef.ArgDef.
enum { kInputArg = 2, kIsStateful = 17 };
enum { kArgName = 1, kNumberAttr = 5, kTypeListAttr = 6 };

bool parseArgument(const Fields& field, OpArgument* argument) {
  Fields fields(field.data, field.size);
  while (fields.next()) {
    if (fields.number == kArgName) argument->name = fields.text();
    if (fields.number == kNumberAttr) argument->numberAttribute = fields.text();
    if (fields.number == kTypeListAttr) argument->typeListAttribute = fields.text();
  }
  return !fields.bad;
}

}  // namespace

bool OpInfo::inferred(const std::string& attribute) const {
  if (attribute.empty()) return false;
  for (const OpArgument& input : inputs) {
    if (attribute == input.numberAttribute || attribute == input.typeListAttribute) return true;
  }
  return false;
}

Status parseOpInfo(const void* data, size_t length, OpInfo* info) {
  Fields fields(data, length);
  bool whole = true;
  while (fields.next()) {
    if (fields.number == kIsStateful) info->stateful = fields.value != 0;
    if (fields.number == kInputArg) {
      info->inputs.emplace_back();
      whole = whole && parseArgument(fields, &info->inputs.back());
    }
  }
  if (whole && !fields.bad) return Status();
  return Status(Code::kInternal, "an op definition that cannot be read");
}

Status opInfo(TF_Graph* graph, const std::string& op, OpInfo* info) {
  TfStatus status;
  TF_Buffer buffer{nullptr, 0, nullptr};
  graphApi().TF_GraphGetOpDef(graph, op.c_str(), &buffer, status);
  if (!status.ok()) return invalidArgument("TensorFlow knows no op " + op);
  const Status parsed = parseOpInfo(buffer.data, buffer.length, info);
  if (buffer.data_deallocator != nullptr)
    buffer.data_deallocator(const_cast<void*>(buffer.data), buffer.length);
  return parsed;
}

}  // namespace vlltr::tensorflow
