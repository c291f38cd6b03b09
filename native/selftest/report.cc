#include "selftest/report.h"

#include <algorithm>
#include <cstdio>

namespace vlltr {
namespace {

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    char code[8];
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < 0x20) {
      std::snprintf(code, sizeof code, "\\u%04x", c);
      out += code;
    } else {
      out += c;
    }
  }
  return out + '"';
}

/** A number as JSON has it: what is not finite is null. */
std::string number(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.9g", value);
  return value - value == 0 ? text : "null";
}

template <class List, class Write>
std::string listed(const List& list, Write write) {
  std::string out = "[";
  for (const auto& each : list) out += (out.size() > 1 ? ", " : "") + write(each);
  return out + "]";
}

std::string jsonOf(const SelftestTiming& t) {
  return "{\"op\": " + quoted(t.op) + ", \"size\": " + quoted(t.size) +
         ", \"precision\": " + quoted(t.precision) + ", \"milliseconds\": " + number(t.milliseconds) +
         ", \"flops\": " + number(t.flops) + ", \"bytes\": " + number(t.bytes) +
         ", \"workspace\": " + std::to_string(t.workspace) + "}";
}

std::string jsonOf(const SelftestReport::Op& op) {
  return "{\"name\": " + quoted(op.name) + ", \"passed\": " + std::to_string(op.passed) +
         ", \"failed\": " + std::to_string(op.failed) + ", \"seconds\": " + number(op.seconds) +
         ", \"failures\": " + listed(op.failures, quoted) +
         ", \"timings\": " + listed(op.timings, [](const SelftestTiming& t) { return jsonOf(t); }) + "}";
}

}  // namespace

bool SelftestReport::ok() const {
  return std::none_of(ops.begin(), ops.end(), [](const Op& op) { return op.failed > 0; });
}

std::string SelftestReport::json() const {
  const std::string begin =
      "{\"ok\": " + std::string(ok() ? "true" : "false") + ", \"seed\": " + std::to_string(seed);
  const std::string end = ", \"ops\": " + listed(ops, [](const Op& op) { return jsonOf(op); }) + "}";
  if (!isa.empty()) {
    return begin + ", \"processor\": {\"isa\": " + quoted(isa) + ", \"threads\": " + std::to_string(threads) +
           "}" + end;
  }
  return begin + ", \"card\": {\"name\": " + quoted(card.name) +
         ", \"capability\": " + quoted(std::to_string(card.major) + "." + std::to_string(card.minor)) +
         ", \"multiprocessors\": " + std::to_string(card.multiprocessors) +
         ", \"memory\": " + std::to_string(card.memory) +
         ", \"driver\": " + quoted(cudaVersion(card.driver)) +
         ", \"runtime\": " + quoted(cudaVersion(card.runtime)) + "}" + end;
}

std::string cudaVersion(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

}  // namespace vlltr
