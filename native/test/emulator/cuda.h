// Of the driver's interface: what the copy engine is told of a matrix.
#pragma once

#include <cstdint>

struct alignas(64) CUtensorMap {
  const char* data;
  int64_t columns, rows, stride;  // stride: bytes from a row to the next
  int boxRows;                    // a box is 64 columns wide
};
