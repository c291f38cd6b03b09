// wgmma: products of a warpgroup, from shared memory, done when they are waited for.
#include <cstring>
#include <deque>
#include <vector>

#include "cuda/bfloat16.h"
#include "emulator.h"
#include "hopper.h"
#include "warp.h"

namespace emulator {
namespace {

constexpr uint32_t kRows = 64, kDepth = 16, kMostColumns = 256;

/** A thread's groups of products, the last one not closed. */
using Groups = std::deque<std::vector<GroupProduct>>;
Groups& groups() {
  static std::vector<Groups> all(kMostCluster * kMostThreads, Groups(1));
  return all[here.rank * kMostThreads + here.thread.x];
}

/** Element (line, depth) of an operand that a descriptor tells of (native/cuda/hopper_operand.h). */
float elementOf(uint64_t descriptor, bool breadth, uint32_t line, uint32_t depth) {
  const auto address = static_cast<uint32_t>(descriptor & 0x3FFF) << 4;
  const auto leading = static_cast<uint32_t>(descriptor >> 16 & 0x3FFF) << 4;
  const auto stride = static_cast<uint32_t>(descriptor >> 32 & 0x3FFF) << 4;
  const uint32_t contiguous = breadth ? line % kBoxColumns : depth, across = breadth ? depth : line;
  const uint32_t box = breadth ? line / kBoxColumns * leading : 0;
  const uint32_t row = across / kAtomRows * stride + across % kAtomRows * kRowBytes;
  uint16_t half;
  std::memcpy(&half, sharedAt(swizzled(address + box + row + contiguous * 2), 2), 2);
  return vlltr::cuda::fromBfloat16(half);
}

/** The sums of a warpgroup, and the operands of one product. */
struct Tile {
  float a[kRows][kDepth], b[kDepth][kMostColumns], sums[kRows][kMostColumns];
  uint32_t columns;

  void load(const GroupProduct& of) {
    columns = static_cast<uint32_t>(of.columns);
    for (uint32_t k = 0; k < kDepth; ++k) {
      for (uint32_t row = 0; row < kRows; ++row) a[row][k] = elementOf(of.a, of.breadthA, row, k);
      for (uint32_t column = 0; column < columns; ++column)
        b[k][column] = elementOf(of.b, of.breadthB, column, k);
    }
  }

  /** Calls `use(sum, what the lane holds of it)`. */
  template <class Use>
  void each(uint32_t lane, float* held, Use use) {
    for (uint32_t e = 0; e < columns / 2; ++e) {
      const uint32_t row = lane / 32 * 16 + lane % 32 / 4 + e / 2 % 2 * 8;
      use(sums[row][e / 4 * 8 + lane % 4 * 2 + e % 2], held[e]);
    }
  }
};

__attribute__((target_clones("avx512f", "avx2", "default"))) void multiply(Tile& tile) {
  for (uint32_t row = 0; row < kRows; ++row) {
    for (uint32_t k = 0; k < kDepth; ++k) {
      const float a = tile.a[row][k];
      for (uint32_t column = 0; column < tile.columns; ++column)
        tile.sums[row][column] += a * tile.b[k][column];
    }
  }
}

/** All products of the lanes' oldest groups. */
void multiplyGroups(void* const (&lanes)[kWarpgroup]) {
  static Tile tile;
  const auto of = [&](uint32_t lane) -> const std::vector<GroupProduct>& {
    return static_cast<Groups*>(lanes[lane])->front();
  };
  const size_t count = of(0).size();
  for (size_t i = 0; i < count; ++i) {
    const GroupProduct& one = of(0)[i];
    tile.load(one);
    for (uint32_t lane = 0; lane < kWarpgroup; ++lane) {
      if (of(lane).size() != count || of(lane)[i].a != one.a || of(lane)[i].b != one.b ||
          of(lane)[i].add != one.add) {
        fault("a warpgroup's products differ");
      }
      const bool held = i > 0 && of(lane)[i].sums == of(lane)[i - 1].sums && one.add;
      if (!held)
        tile.each(lane, of(lane)[i].sums, [&](float& sum, float value) { sum = one.add ? value : 0; });
    }
    multiply(tile);
    for (uint32_t lane = 0; lane < kWarpgroup; ++lane) {
      const bool more = i + 1 < count && of(lane)[i + 1].sums == of(lane)[i].sums;
      if (!more) tile.each(lane, of(lane)[i].sums, [](float sum, float& value) { value = sum; });
    }
  }
}

}  // namespace

void multiplyGroup(const GroupProduct& product) {
  if (!product.add) std::memset(product.sums, 0xFF, static_cast<size_t>(product.columns) * 2);
  groups().back().push_back(product);
}

void commitProducts() { groups().emplace_back(); }

void awaitProducts(int left) {
  while (groups().size() > static_cast<size_t>(left) + 1) {
    meetGroup(multiplyGroups, &groups());
    groups().pop_front();
  }
}

void checkProductsEnd() {
  if (groups().size() != 1 || !groups()[0].empty()) fault("a thread ends before its products");
}

}  // namespace emulator
