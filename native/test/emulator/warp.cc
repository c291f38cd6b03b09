#include "warp.h"

#include <cstring>
#include <deque>
#include <vector>

#include "cuda/bfloat16.h"
#include "watch.h"

namespace emulator {
namespace {

using vlltr::cuda::fromBfloat16;

constexpr uint32_t kPiece = 16;

float fromBits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

struct Load {
  uint32_t shared;
  uint32_t* to;
  bool transposed;
};

void load(Lanes& lanes) {
  const unsigned first = here.thread.x / kWarp * kWarp;
  for (unsigned lane = 0; lane < kWarp; ++lane) {
    const Load& mine = *static_cast<Load*>(lanes[lane]);
    for (unsigned matrix = 0; matrix < 4; ++matrix) {
      uint16_t pair[2];
      for (unsigned e = 0; e < 2; ++e) {
        const unsigned along = lane % 4 * 2 + e, across = lane / 4;
        const unsigned row = mine.transposed ? along : across, column = mine.transposed ? across : along;
        const uint32_t line = static_cast<Load*>(lanes[matrix * 8 + row])->shared;
        if (line % kPiece != 0) fault("ldmatrix of a row at %u", line);
        const char* const from = sharedAt(line, kPiece) + column * 2;
        touchAs(first + lane, from, 2, false);
        std::memcpy(&pair[e], from, 2);
      }
      mine.to[matrix] = pair[0] | static_cast<uint32_t>(pair[1]) << 16;
    }
  }
}

struct Product {
  float* sums;
  const uint32_t *a, *b;
};

/** sums [16, 8] += a [16, depth] b [8, depth]^T, the sums in order of the depth. */
template <int kDepth>
void accumulate(Lanes& lanes, const float (&a)[kDepth][16], const float (&b)[kDepth][8]) {
  float sums[16][8];
  for (unsigned lane = 0; lane < kWarp; ++lane) {
    const float* const from = static_cast<Product*>(lanes[lane])->sums;
    for (unsigned e = 0; e < 4; ++e) sums[lane / 4 + e / 2 * 8][lane % 4 * 2 + e % 2] = from[e];
  }
  for (unsigned k = 0; k < kDepth; ++k) {
    for (unsigned row = 0; row < 16; ++row) {
      for (unsigned column = 0; column < 8; ++column) sums[row][column] += a[k][row] * b[k][column];
    }
  }
  for (unsigned lane = 0; lane < kWarp; ++lane) {
    float* const to = static_cast<Product*>(lanes[lane])->sums;
    for (unsigned e = 0; e < 4; ++e) to[e] = sums[lane / 4 + e / 2 * 8][lane % 4 * 2 + e % 2];
  }
}

void multiply(Lanes& lanes) {
  float a[16][16], b[16][8];  // by depth
  for (unsigned lane = 0; lane < kWarp; ++lane) {
    const Product& mine = *static_cast<Product*>(lanes[lane]);
    for (unsigned half = 0; half < 2; ++half) {
      const auto value = [&](uint32_t both) {
        return fromBfloat16(static_cast<uint16_t>(both >> 16 * half));
      };
      const unsigned depth = lane % 4 * 2 + half, line = lane / 4;
      for (unsigned i = 0; i < 4; ++i) a[depth + i / 2 * 8][line + i % 2 * 8] = value(mine.a[i]);
      for (unsigned i = 0; i < 2; ++i) b[depth + i * 8][line] = value(mine.b[i]);
    }
  }
  accumulate<16>(lanes, a, b);
}

void multiplyTf32(Lanes& lanes) {
  // Of a float the product takes what TF32 has, the other bits being ignored.
  const auto value = [](uint32_t bits) { return fromBits(bits & 0xFFFFE000u); };
  float a[8][16], b[8][8];
  for (unsigned lane = 0; lane < kWarp; ++lane) {
    const Product& mine = *static_cast<Product*>(lanes[lane]);
    const unsigned depth = lane % 4, line = lane / 4;
    for (unsigned i = 0; i < 4; ++i) a[depth + i / 2 * 4][line + i % 2 * 8] = value(mine.a[i]);
    for (unsigned i = 0; i < 2; ++i) b[depth + i * 4][line] = value(mine.b[i]);
  }
  accumulate<8>(lanes, a, b);
}

struct Copy {
  char* to;
  const void* from;
  bool there;
};

/** A thread's groups of copies, oldest first; the last one is not closed yet. */
struct Copies {
  std::deque<std::vector<Copy>> groups{1};
};
std::vector<Copies>& copies() {
  static std::vector<Copies> all(kMostCluster * kMostThreads);
  return all;
}
Copies& mine() { return copies()[here.rank * kMostThreads + here.thread.x]; }

}  // namespace

void shuffle(Shuffle& lane) {
  meet(
      [](Lanes& lanes) {
        for (void* const each : lanes) {
          const Shuffle& to = *static_cast<Shuffle*>(each);
          std::memcpy(to.result, static_cast<Shuffle*>(lanes[to.from % kWarp])->value, to.bytes);
        }
      },
      &lane);
}

namespace {

struct Vote {
  uint64_t value;
  uint32_t equal;  // lanes of the same value
};

uint32_t vote(uint64_t value, uint32_t mask) {
  Vote lane{value, 0};
  meet(
      [](Lanes& lanes) {
        for (void* const each : lanes) {
          for (unsigned other = 0; each != nullptr && other < kWarp; ++other) {
            const auto* const with = static_cast<Vote*>(lanes[other]);
            auto& to = *static_cast<Vote*>(each);
            if (with != nullptr && with->value == to.value) to.equal |= uint32_t{1} << other;
          }
        }
      },
      &lane, mask);
  return lane.equal;
}

}  // namespace

uint32_t ballot(bool value) {
  const uint32_t equal = vote(value ? 1 : 0, ~uint32_t{0});
  return value ? equal : ~equal;
}
uint32_t match(uint32_t lanes, uint64_t value) { return vote(value, lanes); }

uint32_t sharedOffset(const void* memory) {
  const auto offset = static_cast<size_t>(static_cast<const char*>(memory) - here.shared);
  if (offset >= here.sharedBytes) fault("%p is not in dynamic shared memory", memory);
  return static_cast<uint32_t>(offset);
}

char* sharedAt(uint32_t offset, uint32_t bytes) {
  if (offset + bytes > here.sharedBytes)
    fault("shared memory at %u, past its %zu bytes", offset, here.sharedBytes);
  return here.shared + offset;
}

void loadMatrices(uint32_t (&to)[4], uint32_t shared, bool transposed) {
  Load lane{shared, to, transposed};
  meet(load, &lane);
}

void multiplyAdd(float (&sums)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  Product lane{sums, a, b};
  meet(multiply, &lane);
}

void multiplyAddTf32(float (&sums)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  Product lane{sums, a, b};
  meet(multiplyTf32, &lane);
}

void copyAsync(uint32_t shared, const void* global, bool there) {
  if (shared % kPiece != 0 || reinterpret_cast<uintptr_t>(global) % kPiece != 0) {
    fault("a copy of 16 bytes from %p to %u", global, shared);
  }
  char* const to = sharedAt(shared, kPiece);
  touch(to, kPiece, true);
  std::memset(to, 0xFF, kPiece);
  if (there) touch(global, kPiece, false);
  mine().groups.back().push_back({to, global, there});
}

void commitCopies() { mine().groups.emplace_back(); }

void waitCopies(int pending) {
  auto& groups = mine().groups;
  while (groups.size() > static_cast<size_t>(pending) + 1) {
    for (const Copy& one : groups.front()) {
      touch(one.to, kPiece, true);
      if (one.there) {
        std::memcpy(one.to, one.from, kPiece);
      } else {
        std::memset(one.to, 0, kPiece);
      }
    }
    groups.pop_front();
  }
}

void checkCopiesEnd() {
  auto& groups = mine().groups;
  for (const std::vector<Copy>& group : groups) {
    if (!group.empty()) fault("a thread ends while copies of its own are under way");
  }
  if (groups.size() > 1) groups.resize(1);
}

}  // namespace emulator
