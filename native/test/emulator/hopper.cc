#include "hopper.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <map>
#include <vector>

#include "cuda/hopper_map.h"
#include "emulator.h"
#include "warp.h"
#include "watch.h"

namespace emulator {
namespace {

constexpr int kPieceBytes = 16;

struct Barrier {
  int arrivals = 0, left = 0, bytes = 0;
  unsigned phase = 0;
};

struct Copy {
  uint32_t to, barrier;
  CUtensorMap map;  // data null: `bytes` from `from` as they lie
  int x, y;
  const char* from;
  int bytes;
  unsigned blocks;
};

struct Store {
  CUtensorMap map;
  int x, y;
  uint32_t from;
};

struct Cluster {
  std::map<std::pair<unsigned, uint32_t>, Barrier> barriers;  // by block and address
  std::deque<Copy> copies;
  std::vector<std::vector<Store>> stores{kMostCluster * kMostThreads};  // by thread
};
Cluster& cluster() {
  static Cluster one;
  return one;
}
std::vector<Store>& stores() { return cluster().stores[here.rank * kMostThreads + here.thread.x]; }

char* sharedOf(unsigned rank) {
  return here.shared + (static_cast<ptrdiff_t>(rank) - here.rank) * kSharedBytes;
}

Barrier& barrierAt(unsigned rank, uint32_t address) {
  const auto found = cluster().barriers.find({rank, address});
  if (found == cluster().barriers.end()) fault("block %u has no barrier at %u", rank, address);
  return found->second;
}

void settle(Barrier& barrier) {
  if (barrier.left != 0 || barrier.bytes != 0) return;
  barrier.left = barrier.arrivals;
  ++barrier.phase;
}

int bytesOf(const Copy& copy) { return copy.map.data == nullptr ? copy.bytes : copy.map.boxRows * kRowBytes; }

/** One copy that this block's barrier at `address` waits for; false where there is none. Others stay under
 * way: the engine promises no order, and who waits for one knows nothing of the rest. */
bool copySome(uint32_t address) {
  std::deque<Copy>& copies = cluster().copies;
  const auto found = std::find_if(copies.begin(), copies.end(), [&](const Copy& one) {
    return one.barrier == address && (one.blocks >> here.rank & 1) != 0;
  });
  if (found == copies.end()) return false;
  const Copy copy = *found;
  copies.erase(found);
  const int bytes = bytesOf(copy);
  for (unsigned rank = 0; rank < kMostCluster; ++rank) {
    if ((copy.blocks >> rank & 1) == 0) continue;
    char* const shared = sharedOf(rank);
    if (copy.map.data == nullptr) std::memcpy(shared + copy.to, copy.from, static_cast<size_t>(bytes));
    for (int row = 0; copy.map.data != nullptr && row < copy.map.boxRows; ++row) {
      for (int column = 0; column < kBoxColumns; ++column) {
        const int64_t x = copy.x + column, y = copy.y + row;
        const bool inside = x >= 0 && x < copy.map.columns && y >= 0 && y < copy.map.rows;
        char* const to = shared + swizzled(copy.to + static_cast<uint32_t>(row * kRowBytes + column * 2));
        if (inside) {
          std::memcpy(to, copy.map.data + y * copy.map.stride + x * 2, 2);
        } else {
          std::memset(to, 0, 2);
        }
      }
    }
    Barrier& barrier = barrierAt(rank, copy.barrier);
    barrier.bytes -= bytes;
    settle(barrier);
  }
  return true;
}

void ask(const Copy& copy) {
  const auto bytes = static_cast<uint32_t>(bytesOf(copy));
  if (copy.to % (copy.map.data == nullptr ? kPieceBytes : kRowBytes) != 0)
    fault("a bulk copy to %u", copy.to);
  for (unsigned rank = 0; rank < kMostCluster; ++rank) {
    if ((copy.blocks >> rank & 1) == 0) continue;
    sharedAt(copy.to, bytes);
    std::memset(sharedOf(rank) + copy.to, 0xFF, bytes);
    barrierAt(rank, copy.barrier);
  }
  cluster().copies.push_back(copy);
}

}  // namespace

void initBarrier(uint32_t barrier, int arrivals) {
  if (barrier % 8 != 0) fault("a barrier at %u", barrier);
  sharedAt(barrier, 8);
  cluster().barriers[{here.rank, barrier}] = {arrivals, arrivals, 0, 0};
}

void arrive(uint32_t address, unsigned rank, int bytes) {
  Barrier& barrier = barrierAt(rank, address);
  barrier.bytes += bytes;
  if (--barrier.left < 0) fault("more arrivals than a barrier expects, at %u", address);
  settle(barrier);
}

void awaitBarrier(uint32_t address, int parity) {
  const Barrier& barrier = barrierAt(here.rank, address);
  await([&] {
    while ((barrier.phase & 1) == static_cast<unsigned>(parity)) {
      if (!copySome(address)) return false;
    }
    return true;
  });
}

void copyBox(uint32_t to, const CUtensorMap& map, int x, int y, uint32_t barrier, unsigned blocks) {
  ask({to, barrier, map, x, y, nullptr, 0, blocks});
}

void copyBytes(uint32_t to, const void* from, int bytes, uint32_t barrier) {
  if (bytes % kPieceBytes != 0 || reinterpret_cast<uintptr_t>(from) % kPieceBytes != 0) {
    fault("a bulk copy of %d bytes from %p", bytes, from);
  }
  touch(from, static_cast<size_t>(bytes), false);
  ask({to, barrier, {}, 0, 0, static_cast<const char*>(from), bytes, 1u << here.rank});
}

void storeBox(const CUtensorMap& map, int x, int y, uint32_t from) {
  if (from % kAtomBytes != 0) fault("a box stored from %u", from);
  stores().push_back({map, x, y, from});
}

void awaitStores() {
  for (const Store& store : stores()) {
    for (int row = 0; row < store.map.boxRows; ++row) {
      for (int column = 0; column < kBoxColumns; ++column) {
        const int64_t x = store.x + column, y = store.y + row;
        if (x >= store.map.columns || y >= store.map.rows) continue;
        const uint32_t from = swizzled(store.from + static_cast<uint32_t>(row * kRowBytes + column * 2));
        auto* const to = const_cast<char*>(store.map.data) + y * store.map.stride + x * 2;
        touch(to, 2, true);
        std::memcpy(to, sharedAt(from, 2), 2);
      }
    }
  }
  stores().clear();
}

void storeMatrices(uint32_t to, const uint32_t (&values)[4]) {
  struct Lane {
    uint32_t to;
    const uint32_t* values;
  } lane{to, values};
  meet(
      [](Lanes& lanes) {
        for (unsigned from = 0; from < kWarp; ++from) {
          for (unsigned matrix = 0; matrix < 4; ++matrix) {
            const uint32_t line = static_cast<Lane*>(lanes[matrix * 8 + from / 4])->to;
            if (line % kPieceBytes != 0) fault("stmatrix of a row at %u", line);
            std::memcpy(sharedAt(line, kPieceBytes) + from % 4 * 4,
                        &static_cast<Lane*>(lanes[from])->values[matrix], 4);
          }
        }
      },
      &lane);
}

void checkStoresEnd() {
  if (!stores().empty()) fault("a thread ends while its stores are under way");
}

void beginCluster() {
  if (!cluster().copies.empty()) fault("copies that nobody waited for");
  cluster().barriers.clear();
}

}  // namespace emulator

namespace vlltr::cuda {

Status mapMatrix(const HopperMatrix& matrix, int boxRows, CUtensorMap* map) {
  const bool good = reinterpret_cast<uintptr_t>(matrix.data) % 16 == 0 && matrix.stride % 8 == 0 &&
                    boxRows > 0 && boxRows <= 256 && matrix.rows > 0 && matrix.columns > 0 &&
                    matrix.stride >= matrix.columns;
  if (!good) return Status(Code::kInternal, "the copy engine takes no such matrix");
  *map = {static_cast<const char*>(matrix.data), matrix.columns, matrix.rows, matrix.stride * 2, boxRows};
  return Status();
}

}  // namespace vlltr::cuda
