// How operands of Hopper's products lie in shared memory, and what the instruction is told of them.
#pragma once

#include <cstdint>

#include "cuda/portable.h"

namespace vlltr::cuda::hopper {

/**
 * Which index of an operand is contiguous. Shared memory holds an operand as the copy engine leaves it with
 * its 128-byte swizzle, boxes of 64 contiguous elements one row of 128 bytes each, 8 rows an atom of 1024
 * bytes: kDepth:  one box [rows of the operand][64 deep]; kBreadth: a box [64 deep][64 rows of the operand]
 * for each 64 rows, 8192 bytes apart.
 */
enum class Major { kDepth, kBreadth };

constexpr int kDeep = 64;        // of a stage
constexpr int kBoxBytes = 8192;  // of 64 rows of an operand, either way
constexpr int kAtomBytes = 1024;

/** What wgmma is told of an operand that begins at `address`: where atoms follow each other, and the swizzle.
 */
template <Major kMajor>
VLLTR_HD constexpr uint64_t describe(uint32_t address) {
  // Along rows of the operand (kDepth) or along the depth (kBreadth) atoms are dense; the leading offset is
  // from 64 rows of a kBreadth operand to the next 64, and has no meaning for kDepth.
  constexpr uint64_t stride = kAtomBytes >> 4;
  constexpr uint64_t leading = kMajor == Major::kBreadth ? kBoxBytes >> 4 : 1;
  return ((address & 0x3ffff) >> 4) | leading << 16 | stride << 32 | uint64_t{1} << 62;
}

/** From 16 deep to the next 16: 32 bytes along a swizzled row, or two atoms. In descriptor units. */
template <Major kMajor>
constexpr int kDepthAdvance = (kMajor == Major::kDepth ? 32 : 2 * kAtomBytes) >> 4;

}  // namespace vlltr::cuda::hopper
