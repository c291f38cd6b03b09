// The reader of TensorFlow's op definitions: whole messages, every beginning of one, and bytes that are none.
// Each message lies in an allocation of its own size, so that the sanitizers see a read beyond its end.
#include "tensorflow/op_definition.h"

#include <cstdint>
#include <cstring>
#include <memory>

#include "check.h"

namespace {

using vlltr::tensorflow::OpInfo;

vlltr::Status parse(const std::string& bytes, OpInfo* info) {
  const std::unique_ptr<char[]> exact(new char[bytes.size()]);
  std::memcpy(exact.get(), bytes.data(), bytes.size());
  return vlltr::tensorflow::parseOpInfo(exact.get(), bytes.size(), info);
}

std::string varint(uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes.push_back(static_cast<char>(0x80 | (value & 0x7f)));
  bytes.push_back(static_cast<char>(value));
  return bytes;
}

std::string number(int field, uint64_t value) { return varint(field << 3) + varint(value); }
std::string text(int field, const std::string& value) {
  return varint(field << 3 | 2) + varint(value.size()) + value;
}

/** OpDef of `Many(x, list: N * T, mixed: Types)`, with fields that the reader passes over. */
std::string manyDefinition() {
  const std::string x = text(1, "x") + text(2, "what x is") + text(4, "T");
  const std::string list = text(1, "list") + text(4, "T") + text(5, "N");
  const std::string mixed = text(1, "mixed") + text(6, "Types") + number(16, 1);
  const std::string attribute = text(1, "N") + text(2, "int") + number(5, 1) + number(6, 300);
  const std::string fixed =
      varint(20 << 3 | 1) + std::string(8, '\1') + varint(21 << 3 | 5) + std::string(4, '\1');
  return text(1, "Many") + text(2, x) + text(2, list) + text(2, mixed) + text(3, text(1, "y")) +
         text(4, attribute) + fixed + number(18, 1) + number(17, 1);
}

void readsWhatItNeeds() {
  OpInfo info;
  CHECK_OK(parse(manyDefinition(), &info));
  CHECK(info.stateful);
  CHECK(info.inputs.size() == 3);
  CHECK(info.inputs[0].name == "x" && info.inputs[1].name == "list" && info.inputs[2].name == "mixed");
  CHECK(info.inputs[0].numberAttribute.empty() && info.inputs[0].typeListAttribute.empty());
  CHECK(info.inputs[1].numberAttribute == "N" && info.inputs[1].typeListAttribute.empty());
  CHECK(info.inputs[2].numberAttribute.empty() && info.inputs[2].typeListAttribute == "Types");
  CHECK(info.inferred("N") && info.inferred("Types"));
  CHECK(!info.inferred("T") && !info.inferred("x"));

  OpInfo none;
  CHECK_OK(parse("", &none));
  CHECK(none.inputs.empty() && !none.stateful && !none.inferred(""));
  CHECK_OK(parse(text(2, "") + number(17, 0), &none));
  CHECK(none.inputs.size() == 1 && none.inputs[0].name.empty() && !none.stateful && !none.inferred(""));
}

/** A message cut off is refused, but where a field ends. */
void refusesTruncated() {
  const std::string whole = manyDefinition();
  size_t accepted = 0;
  for (size_t length = 0; length < whole.size(); ++length) {
    OpInfo info;
    const vlltr::Status status = parse(whole.substr(0, length), &info);
    accepted += status.ok();
    CHECK(status.ok() || status.code() == vlltr::Code::kInternal);
    CHECK(!info.stateful);
  }
  CHECK(accepted == 10);  // nothing at all, and after each of the 9 fields before the last
}

void refusesGarbage() {
  const char* const bad[] = {
      "\x0a",  // a text without its length
      "\x0a\x7f"
      "abc",                                           // longer than the message
      "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",  // of 2^64 - 1 bytes
      "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",  // a number that never ends
      "\x0b",                                          // a group, which is not read
      "\x0f",                                          // no kind of field
      "\x09"
      "1234567",  // 7 of 8 bytes
      "\x0d"
      "123",               // 3 of 4 bytes
      "\x12\x02\x0a\x05",  // an argument whose name ends outside it
  };
  for (const char* bytes : bad) {
    OpInfo info;
    CHECK(!parse(bytes, &info).ok());
  }
}

/** Whatever the bytes are, the reader comes to an end and stays inside them. */
void survivesAnything() {
  uint64_t state = 1;
  const auto random = [&] {
    state ^= state >> 12, state ^= state << 25, state ^= state >> 27;
    return state * 2685821657736338717ull >> 33;
  };
  const std::string whole = manyDefinition();
  for (int i = 0; i < 200000; ++i) {
    std::string bytes = i % 2 ? whole : std::string(random() % 40, '\0');
    const size_t changes = i % 2 ? 1 + random() % 3 : bytes.size();
    for (size_t k = 0; k < changes; ++k)
      bytes[i % 2 ? random() % bytes.size() : k] = static_cast<char>(random());
    OpInfo info;
    (void)parse(bytes, &info);
  }
}

}  // namespace

int main() {
  readsWhatItNeeds();
  refusesTruncated();
  refusesGarbage();
  survivesAnything();
  return 0;
}
