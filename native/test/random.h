#pragma once

#include <cmath>
#include <cstdint>

/** xorshift64*. */
struct Random {
  uint64_t state;

  uint64_t bits() {
    state ^= state >> 12, state ^= state << 25, state ^= state >> 27;
    return state * 2685821657736338717ull;
  }
  /** Uniform, centred on 0 with unit variance. */
  float operator()() {
    const double uniform = static_cast<double>(bits() >> 11) * 0x1p-53;
    return static_cast<float>((uniform - 0.5) * std::sqrt(12.0));
  }
  /** Uniform in [least, most]. */
  int64_t integer(int64_t least, int64_t most) {
    return least + static_cast<int64_t>(bits() % static_cast<uint64_t>(most - least + 1));
  }
};
