#pragma once

#include <cuda_runtime.h>

#include <bit>
#include <cstdint>

/** How many columns are of a class, by a table that is the same whoever comes first: integers alone are
 * added. */
namespace vlltr::cuda {

/** Slots are 0 at first; then a class and its count, found by going on from where its hash says. */
struct ClassTable {
  unsigned long long* slots;
  int bits;  // of the number of slots

  /** Twice the columns, at least. */
  static int bitsFor(int64_t columns) { return std::bit_width(static_cast<uint64_t>(columns)) + 1; }
  int64_t count() const { return int64_t{1} << bits; }

  __device__ __forceinline__ uint32_t first(int32_t label) const {
    return static_cast<uint32_t>(label) * 0x9e3779b1u >> (32 - bits);
  }
  __device__ __forceinline__ uint32_t next(uint32_t slot) const { return (slot + 1) & ((1u << bits) - 1); }
  static __device__ __forceinline__ bool holds(unsigned long long slot, int32_t label) {
    return slot != 0 && static_cast<int32_t>(slot >> 32) == label;
  }

  __device__ __forceinline__ void add(int32_t label, uint32_t many) const {
    const auto key = static_cast<unsigned long long>(static_cast<uint32_t>(label)) << 32;
    for (uint32_t at = first(label);; at = next(at)) {
      const unsigned long long before = atomicCAS(&slots[at], 0ull, key | many);
      if (before == 0) return;
      if (!holds(before, label)) continue;
      atomicAdd(&slots[at], static_cast<unsigned long long>(many));
      return;
    }
  }
  __device__ __forceinline__ uint32_t find(int32_t label) const {
    for (uint32_t at = first(label);; at = next(at)) {
      const unsigned long long slot = slots[at];
      if (slot == 0 || holds(slot, label)) return static_cast<uint32_t>(slot);
    }
  }
};

}  // namespace vlltr::cuda
