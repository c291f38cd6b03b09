// CUDA's threads on the host: every thread of a block is a fiber with a stack of its own, and one thread of
// the host runs them in turn, from one barrier to the next. Instructions that a warp does together are done
// by its last lane to come. Whatever a device would leave undefined ends the process, saying what it was.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

namespace emulator {

struct Index {
  unsigned x = 0, y = 0, z = 0;
};

constexpr unsigned kWarp = 32, kMostThreads = 1024, kMostCluster = 2;
/** What a block may have at most, as on compute capability 9.0. */
constexpr size_t kSharedBytes = 227 * 1024;
/** The same of this card: VLLTR_EMULATOR_SHARED bytes, where a narrower one is asked for. */
size_t sharedLimit();

/** Where the fiber that runs is. */
struct Here {
  Index thread, block, blocks, threads;
  char* shared;  // the block's dynamic shared memory
  size_t sharedBytes;
  unsigned rank;  // of the block in its cluster
};
extern Here here;

struct Launch {
  Index blocks, threads;
  size_t shared = 0;     // bytes
  unsigned cluster = 1;  // blocks that run at once
  // Whether threads are ordered by barriers of blocks and warps alone, so that it can be told who races.
  bool races = true;
};

/** Runs `body` as every thread of every block. One launch at a time, whichever thread of the host asks. */
void run(const Launch& launch, const std::function<void()>& body);

/** Tells what is wrong, and where, and ends the process. */
[[noreturn]] __attribute__((format(printf, 1, 2))) void fault(const char* format, ...);

/** Barriers: of the block, of `threads` threads of it (barriers 1 to 15), of the cluster. */
void syncBlock();
void syncThreads(int barrier, unsigned threads);
void syncCluster();
/** Counts as come to a barrier of `threads`, and goes on. */
void arriveThreads(int barrier, unsigned threads);
/** Of the warp: its lanes see what the others wrote before. */
void syncWarp();
/** Lets other fibers run; as long as `over` is false. */
void relax();
void await(const std::function<bool()>& over);

/** What the lanes of a warp bring to an instruction, and the instruction. */
using Lanes = void* const[kWarp];
using Instruction = void (*)(Lanes& lanes);
/** The lanes among `mask` come to the same instruction, each with a pointer that lives until it returns; it
 * is null for the others. */
void meet(Instruction instruction, void* mine, uint32_t mask = ~uint32_t{0});
/** The same of the 128 lanes of a warpgroup. */
constexpr unsigned kWarpgroup = 128;
using GroupInstruction = void (*)(void* const (&lanes)[kWarpgroup]);
void meetGroup(GroupInstruction instruction, void* mine);

}  // namespace emulator
