#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>

#include "emulator.h"
#include "hopper.h"
#include "warp.h"
#include "watch.h"

namespace emulator {

// Not among what is zero at first, where shared memory is looked for (watch.cc).
__attribute__((section(".data"))) Here here = {};

namespace {

// Stacks begin at different places of a page, and an odd number of pages apart: else all of them would share
// a few lines of the caches.
constexpr size_t kPage = 4096, kStackBytes = 33 * kPage, kStackShift = 7 * 64;

/** A number that threads meet at: those that came wait until it changes. */
struct Meeting {
  unsigned came = 0, number = 0;
};

struct Warp {
  unsigned alive = kWarp;
  Meeting meeting;
  Instruction instruction = nullptr;
  void* lanes[kWarp];
};

struct Group {
  Meeting meeting;
  GroupInstruction instruction = nullptr;
  void* lanes[kWarpgroup];
};

struct Block {
  Index index;
  unsigned rank, alive;
  Meeting barriers[16];
  Warp warps[kMostThreads / kWarp];
  Group groups[kMostThreads / kWarpgroup];
};

struct Fiber {
  void* stack;
  unsigned block, thread;
  bool done;
};

struct State {
  Launch launch;
  const std::function<void()>* body = nullptr;
  char *stacks = nullptr, *shared = nullptr;
  void* host = nullptr;  // where the host's thread left off
  Block blocks[kMostCluster];
  Fiber fibers[kMostCluster * kMostThreads];
  Meeting cluster;
  unsigned count = 0, alive = 0, current = 0;
  uint64_t idle = 0;  // switches since something came about
} state;

extern "C" void emulatorSwitch(void** from, void* to);
asm(R"(
.text
.globl emulatorSwitch
emulatorSwitch:
  push %rbp; push %rbx; push %r12; push %r13; push %r14; push %r15
  mov %rsp, (%rdi)
  mov %rsi, %rsp
  pop %r15; pop %r14; pop %r13; pop %r12; pop %rbx; pop %rbp
  ret
)");

Block& block() { return state.blocks[state.fibers[state.current].block]; }
Warp& warp() { return block().warps[here.thread.x / kWarp]; }

void settle(unsigned fiber) {
  const Fiber& to = state.fibers[fiber];
  state.current = fiber;
  here.thread = {to.thread, 0, 0};
  here.block = state.blocks[to.block].index;
  here.rank = to.block;
  here.shared = state.shared + to.block * kSharedBytes;
}

void go(unsigned next) {
  Fiber& from = state.fibers[state.current];
  settle(next);
  emulatorSwitch(&from.stack, state.fibers[next].stack);
}

/** The fiber that comes after this one among `count` from `first` on. */
unsigned after(unsigned first, unsigned count) {
  unsigned next = state.current;
  do next = next + 1 == first + count ? first : next + 1;
  while (state.fibers[next].done && next != state.current);
  return next;
}

void pause(unsigned first, unsigned count) {
  if (++state.idle > 64ull * state.count + 4096) fault("no thread can go on: a barrier that not all come to");
  const unsigned next = after(first, count);
  if (next != state.current) go(next);
}
void pause() { pause(0, state.count); }

void progress() { state.idle = 0; }

/** True for the last of `expected` to come, which calls `open` when it has done what was to be done. */
bool come(Meeting& at, unsigned expected) { return ++at.came == expected; }
void open(Meeting& at) {
  at.came = 0;
  ++at.number;
  progress();
}

void meetAt(Meeting& at, unsigned expected) {
  const unsigned number = at.number;
  if (come(at, expected)) return open(at);
  while (at.number == number) pause();
}

/** The lanes of a warp or warpgroup, `fibers` of them from this one's first on, come to an instruction. */
template <class Lanes>
void meetLanes(Lanes& with, unsigned fibers, unsigned expected, decltype(with.instruction) instruction,
               void* mine) {
  if (with.meeting.came == 0) {
    with.instruction = instruction;
    std::fill(std::begin(with.lanes), std::end(with.lanes), nullptr);
  }
  if (with.instruction != instruction) fault("threads of a warp come to different instructions");
  with.lanes[here.thread.x % fibers] = mine;
  const unsigned number = with.meeting.number;
  if (come(with.meeting, expected)) {
    instruction(with.lanes);
    return open(with.meeting);
  }
  const unsigned first = state.current / fibers * fibers;
  // They need nobody else, but may be waiting for others before they come here.
  for (unsigned turn = 1; with.meeting.number == number; ++turn) {
    turn % (2 * fibers) == 0 ? pause() : pause(first, fibers);
  }
}

void end() {
  Fiber& fiber = state.fibers[state.current];
  Block& in = block();
  fiber.done = true;
  --warp().alive, --in.alive, --state.alive;
  checkCopiesEnd();
  checkStoresEnd();
  checkProductsEnd();
  progress();
  if (state.alive == 0) {
    void* gone;
    emulatorSwitch(&gone, state.host);
  }
  // Threads that have ended are not waited for.
  if (in.alive > 0 && in.barriers[0].came == in.alive) openBlock(), open(in.barriers[0]);
  pause();
  std::abort();
}

void enter() {
  (*state.body)();
  end();
}

char* reserve(size_t bytes) {
  void* const at =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) fault("no memory for %zu bytes", bytes);
  return static_cast<char*>(at);
}

void prepare() {
  if (state.stacks != nullptr) return;
  constexpr size_t kStacks = kStackBytes * kMostCluster * kMostThreads;
  state.stacks = reserve(kStacks);
  for (size_t at = 0; at < kStacks; at += kStackBytes) mprotect(state.stacks + at, kPage, PROT_NONE);
  state.shared = reserve(kMostCluster * kSharedBytes);
  watchStacks(state.stacks, kStacks);
  watchShared(state.shared);
}

void start(Fiber& fiber, unsigned number) {
  fiber.done = false;
  const uintptr_t top =
      reinterpret_cast<uintptr_t>(state.stacks) + (number + 1) * kStackBytes - number * kStackShift % kPage;
  void** at = reinterpret_cast<void**>(top) - 1;  // as if `enter` were called: 8 below a multiple of 16
  *at = nullptr;
  *--at = reinterpret_cast<void*>(enter);
  for (int saved = 0; saved < 6; ++saved) *--at = nullptr;
  fiber.stack = at;
}

void runCluster(unsigned x, unsigned y, unsigned z) {
  const unsigned threads = state.launch.threads.x, blocks = state.launch.cluster;
  for (unsigned b = 0; b < blocks; ++b)
    std::memset(state.shared + b * kSharedBytes, 0xFF, state.launch.shared);
  state.count = state.alive = threads * blocks;
  state.cluster = {};
  for (unsigned b = 0; b < blocks; ++b) {
    Block& made = state.blocks[b];
    made = {};
    made.index = {x + b, y, z}, made.rank = b, made.alive = threads;
    for (unsigned t = 0; t < threads; ++t) {
      Fiber& fiber = state.fibers[b * threads + t];
      fiber.block = b, fiber.thread = t;
      start(fiber, b * threads + t);
    }
  }
  beginBlock();
  beginCluster();
  settle(0);
  emulatorSwitch(&state.host, state.fibers[0].stack);
}

}  // namespace

void run(const Launch& launch, const std::function<void()>& body) {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  prepare();
  state.launch = launch, state.body = &body;
  here.blocks = launch.blocks, here.threads = launch.threads, here.sharedBytes = launch.shared;
  const Index threads = launch.threads, blocks = launch.blocks;
  if (threads.x == 0 || threads.x > kMostThreads || threads.x % kWarp != 0 || threads.y != 1 ||
      threads.z != 1) {
    fault("blocks of %u x %u x %u threads", threads.x, threads.y, threads.z);
  }
  if (blocks.x == 0 || blocks.y == 0 || blocks.z == 0) fault("a launch of no blocks");
  if (launch.shared > sharedLimit()) fault("%zu bytes of shared memory", launch.shared);
  if (launch.cluster > kMostCluster || blocks.x % launch.cluster != 0)
    fault("clusters of %u", launch.cluster);
  beginLaunch(launch.shared, launch.races);
  for (unsigned z = 0; z < blocks.z; ++z) {
    for (unsigned y = 0; y < blocks.y; ++y) {
      for (unsigned x = 0; x < blocks.x; x += launch.cluster) runCluster(x, y, z);
    }
  }
}

void fault(const char* format, ...) {
  std::fflush(stdout);
  std::fprintf(stderr, "emulator, block (%u, %u, %u), thread %u: ", here.block.x, here.block.y, here.block.z,
               here.thread.x);
  va_list given;
  va_start(given, format);
  std::vfprintf(stderr, format, given);
  va_end(given);
  std::fputc('\n', stderr);
  std::_Exit(1);
}

void syncBlock() {
  Meeting& at = block().barriers[0];
  const unsigned number = at.number;
  if (come(at, block().alive)) {
    openBlock();
    return open(at);
  }
  while (at.number == number) pause();
}

void syncThreads(int barrier, unsigned threads) { meetAt(block().barriers[barrier], threads); }

void arriveThreads(int barrier, unsigned threads) {
  Meeting& at = block().barriers[barrier];
  if (at.came == threads) fault("more threads arrive at barrier %d than the %u it is for", barrier, threads);
  if (come(at, threads)) open(at);
}

void syncCluster() { meetAt(state.cluster, state.count); }

void syncWarp() {
  meet([](Lanes&) { stepWarp(here.thread.x / kWarp); }, nullptr);
}

void relax() { pause(); }

void await(const std::function<bool()>& over) {
  while (!over()) pause();
  progress();
}

void meet(Instruction instruction, void* mine, uint32_t mask) {
  const unsigned expected = mask == ~uint32_t{0} ? kWarp : static_cast<unsigned>(std::popcount(mask));
  if (warp().alive < expected) fault("lanes of a warp have ended that the others wait for");
  meetLanes(warp(), kWarp, expected, instruction, mine);
}

void meetGroup(GroupInstruction instruction, void* mine) {
  meetLanes(block().groups[here.thread.x / kWarpgroup], kWarpgroup, kWarpgroup, instruction, mine);
}

}  // namespace emulator
