#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>

#include "vlltr/isa.h"
#include "vlltr/status.h"

/** Ends the test with a message unless `condition` holds. */
#define CHECK(condition)                                                                 \
  do {                                                                                   \
    if (!(condition)) {                                                                  \
      std::fprintf(stderr, "%s:%d: CHECK(%s) failed\n", __FILE__, __LINE__, #condition); \
      std::exit(1);                                                                      \
    }                                                                                    \
  } while (false)

/** Ends the test unless the expression's status is ok. */
#define CHECK_OK(expression)                                                   \
  do {                                                                         \
    const vlltr::Status check_status = (expression);                           \
    if (!check_status.ok()) {                                                  \
      std::fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #expression, \
                   check_status.message().c_str());                            \
      std::exit(1);                                                            \
    }                                                                          \
  } while (false)

/** Ends the test unless the status is a refusal of an argument whose message has `word` in it. */
inline void checkRefused(const vlltr::Status& status, const char* word) {
  CHECK(status.code() == vlltr::Code::kInvalidArgument);
  if (status.message().find(word) != std::string::npos) return;
  std::fprintf(stderr, "\"%s\" does not say \"%s\"\n", status.message().c_str(), word);
  std::exit(1);
}

/** What CTest takes for "skipped". */
constexpr int kSkipped = 77;

/** The instruction set in use. Ends the test as skipped where the one that VLLTR_ISA asks for cannot be had.
 */
inline vlltr::Isa isaOrSkip() {
  vlltr::Isa isa;
  const vlltr::Status chosen = vlltr::chosenIsa(&isa);
  if (chosen.code() == vlltr::Code::kUnavailable) {
    std::printf("skipped: %s\n", chosen.message().c_str());
    std::exit(kSkipped);
  }
  CHECK_OK(chosen);
  return isa;
}
