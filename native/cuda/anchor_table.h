#pragma once

#include <cstdint>

#include "vlltr/device.h"

namespace vlltr::cuda {

/**
 * A table of anchors in a device's memory. Rows are those of all classes one after the other; a row is
 * `stride` bfloat16, zero from D on. In float32 an anchor is the sum of two of them, so that three products
 * of bfloat16 are one of float32; in bfloat16 it is its class's mean, the sum of two, plus one.
 */
struct AnchorTableMemory {
  Device* device = nullptr;
  int64_t stride = 0;
  int64_t mostClassRows = 0;
  DeviceMemory memory;

  uint16_t* high = nullptr;      // [rows, stride]
  uint16_t* low = nullptr;       // [rows, stride], float32 only
  uint16_t* meanHigh = nullptr;  // [C, stride], bfloat16 only
  uint16_t* meanLow = nullptr;
  float* keyScale = nullptr;  // [rows]: 1 / (sigma sqrt(D))
  // Gram matrices: where all classes are small those of gramHalf, else that of class c [n, n] at gramAt[c].
  uint16_t* gramParts = nullptr;  // [C, kGramHalves]
  float* gram = nullptr;
  int64_t* gramAt = nullptr;    // [C + 1]
  int32_t* firstRow = nullptr;  // [C + 1]
  int32_t* classOf = nullptr;   // [rows]

  bool split() const { return meanHigh != nullptr; }
};

/** Fills what belongs to classes [first, end) from their anchors [end - first, M, D] on the device, whose
 * indices are there already. */
Status fillAnchorTable(const AnchorTableMemory& table, int64_t first, int64_t end, int64_t perClass,
                       int64_t width, const float* anchors);

}  // namespace vlltr::cuda
