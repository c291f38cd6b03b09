#pragma once

#include <cstdint>
#include <string>

namespace vlltr::bench {

/**
 * A request of bench/support: one line of JSON without escapes. Fields are looked up by name, wherever in the
 * line they stand.
 */
class Request {
 public:
  explicit Request(std::string line) : line_(std::move(line)) {}

  /** A text or number as written; empty where there is none of that name. */
  std::string text(const std::string& name) const;
  int64_t integer(const std::string& name) const;

 private:
  std::string line_;
};

/** Watches the resident memory of this process from here on. */
class Memory {
 public:
  Memory();
  /** `"memory":{"before":…,"peak":…}` in bytes, or nothing where the system cannot tell. */
  std::string json() const;

 private:
  int64_t before_ = -1;
};

}  // namespace vlltr::bench
