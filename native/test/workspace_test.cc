#include "ops/workspace.h"

#include <limits>
#include <thread>
#include <vector>

#include "check.h"
#include "random.h"

using vlltr::Workspace;

namespace {

constexpr int64_t kMiB = int64_t{1} << 20;

char* startOf(Workspace& workspace, int64_t bytes) {
  CHECK(workspace.reserve(bytes));
  return workspace.at(0);
}

/** Where a workspace of so many bytes lies, when it is given back at once. */
char* placeOf(int64_t bytes) {
  Workspace workspace;
  return startOf(workspace, bytes);
}

void sizes() {
  for (const int64_t bytes : {int64_t{0}, int64_t{1}, int64_t{65}, 2 * kMiB - 1, 2 * kMiB, 40 * kMiB + 5}) {
    Workspace workspace;
    char* const memory = startOf(workspace, bytes);
    CHECK(reinterpret_cast<uintptr_t>(memory) % 64 == 0);
    if (bytes > 0) memory[0] = memory[bytes - 1] = 1;
  }
  Workspace workspace;
  CHECK(workspace.reserve(kMiB));
  CHECK(!workspace.reserve(std::numeric_limits<int64_t>::max() / 2));
  CHECK(workspace.reserve(kMiB));
}

#if !defined(__SANITIZE_ADDRESS__)
/** Under AddressSanitizer nothing is kept. */
void isKept() {
  char* const large = placeOf(16 * kMiB);
  CHECK(placeOf(16 * kMiB) == large);
  CHECK(placeOf(9 * kMiB) == large);
  Workspace small;  // not half of what is there: it would hold what it does not need
  CHECK(startOf(small, 6 * kMiB) != large);
  Workspace first, second;
  CHECK(startOf(first, 16 * kMiB) == large);
  char* const other = startOf(second, 16 * kMiB);
  CHECK(other != large);
  // A workspace that is moved is given back once.
  Workspace moved = std::move(first);
  CHECK(moved.at(0) == large);
  moved = Workspace();
  CHECK(placeOf(16 * kMiB) == large);
  Workspace lasting;  // as large as asked for
  CHECK(lasting.reserveLasting(9 * kMiB));
  CHECK(lasting.at(0) != large);
  CHECK(placeOf(16 * kMiB) == large);
}

/** No more than 32 MiB, in four pieces: what was given back last. */
void isBounded() {
  const auto give = [](std::vector<Workspace>& some, int64_t bytes) {
    std::vector<char*> places;
    for (Workspace& each : some) places.push_back(startOf(each, bytes));
    for (Workspace& each : some) each = Workspace();
    return places;
  };
  std::vector<Workspace> large(3), small(6);
  const std::vector<char*> places = give(large, 16 * kMiB);
  CHECK(Workspace::kept() == 32 * kMiB);
  CHECK(startOf(large[0], 16 * kMiB) == places[1] && startOf(large[1], 16 * kMiB) == places[2]);
  CHECK(Workspace::kept() == 0);
  give(small, 2 * kMiB);
  CHECK(Workspace::kept() == 8 * kMiB);
  placeOf(40 * kMiB);
  placeOf(kMiB);
  CHECK(Workspace::kept() == 8 * kMiB);
}
#endif

/** No two threads ever hold the same memory. */
void threads() {
  std::vector<std::thread> all;
  for (int t = 0; t < 4; ++t) {
    all.emplace_back([t] {
      Random random{static_cast<uint64_t>(t) + 1};
      Workspace held[3];
      int64_t bytes[3] = {};
      for (int i = 0; i < 400; ++i) {
        const auto at = static_cast<size_t>(random.integer(0, 2));
        for (int64_t j = 0; j < bytes[at]; j += kMiB / 2) CHECK(held[at].at(j)[0] == t);
        bytes[at] = random.integer(1, 24) * kMiB / 2;
        CHECK(held[at].reserve(bytes[at]));
        for (int64_t j = 0; j < bytes[at]; j += kMiB / 2) held[at].at(j)[0] = static_cast<char>(t);
      }
    });
  }
  for (std::thread& each : all) each.join();
}

}  // namespace

int main() {
  sizes();
#if !defined(__SANITIZE_ADDRESS__)
  isKept();
  isBounded();
#endif
  threads();
  return 0;
}
