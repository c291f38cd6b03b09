#include "bench/participant.h"

#include <cstdlib>
#include <fstream>

namespace vlltr::bench {
namespace {

/** A field of /proc/self/status in bytes; -1 where there is none. */
int64_t resident(const std::string& field) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind(field + ":", 0) == 0) {
      return std::strtoll(line.c_str() + field.size() + 1, nullptr, 10) * 1024;
    }
  }
  return -1;
}

}  // namespace

std::string Request::text(const std::string& name) const {
  const std::string key = '"' + name + "\":";
  size_t at = line_.find(key);
  if (at == std::string::npos) return "";
  at += key.size();
  const bool quoted = line_[at] == '"';
  at += quoted;
  return line_.substr(at, line_.find_first_of(quoted ? "\"" : ",}]", at) - at);
}

int64_t Request::integer(const std::string& name) const {
  return std::strtoll(text(name).c_str(), nullptr, 10);
}

Memory::Memory() {
  std::ofstream clear("/proc/self/clear_refs");
  clear << '5' << std::flush;  // sets the peak back to what is resident now
  if (clear) before_ = resident("VmRSS");
}

std::string Memory::json() const {
  if (before_ < 0) return "";
  return "\"memory\":{\"before\":" + std::to_string(before_) +
         ",\"peak\":" + std::to_string(resident("VmHWM")) + "}";
}

}  // namespace vlltr::bench
