#pragma once

#include <cstdio>
#include <cstdlib>

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

/** What CTest takes for "skipped". */
constexpr int kSkipped = 77;
