#include "vlltr/isa.h"

#include "check.h"

using vlltr::Code;
using vlltr::Isa;

int main() {
  const auto available = vlltr::availableIsas();
  CHECK(!available.empty() && available.back() == Isa::kGeneric);

  Isa isa;
  CHECK_OK(vlltr::parseIsa(nullptr, &isa));
  CHECK(isa == available.front());
  CHECK_OK(vlltr::parseIsa("", &isa));
  CHECK(isa == available.front());
  for (const Isa each : available) {
    CHECK_OK(vlltr::parseIsa(vlltr::isaName(each), &isa));
    CHECK(isa == each);
  }
  const vlltr::Status unknown = vlltr::parseIsa("sse9", &isa);
  CHECK(unknown.code() == Code::kInvalidArgument);
  CHECK(unknown.message().find("sse9") != std::string::npos);
  CHECK(unknown.message().find("generic") != std::string::npos);
  std::puts("isa_test: ok");
}
