#include "watch.h"

#include <sys/mman.h>

#include <cstdint>

#include "emulator.h"
#include "memory.h"

extern "C" char __data_start, __bss_start, _end;

namespace emulator {
namespace {

// Threads in a cell of memory: one, several of a warp, or more.
constexpr uint16_t kOfWarp = 0x8000, kMany = 0xFFFF;

/** The last write and read of two bytes: when, between which barriers, by whom, and at which step of his
 * warp. */
struct Cell {
  uint32_t written, read;
  uint16_t writer, reader, writerStep, readerStep;
};

/** A range of memory with its cells, which are zero until they are used. */
struct Region {
  const char* begin = nullptr;
  size_t bytes = 0;
  Cell* cells = nullptr;

  void set(const char* from, size_t size) {
    begin = from, bytes = size;
    void* const made = mmap(nullptr, size / 2 * sizeof(Cell), PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (made == MAP_FAILED) fault("no memory to watch %zu bytes", size);
    cells = static_cast<Cell*>(made);
  }
  bool holds(const char* at) const { return static_cast<size_t>(at - begin) < bytes; }
};

struct State {
  const char* stacks = nullptr;
  size_t stackBytes = 0;
  Region shared, device, image;  // image: the program's own variables, shared memory of fixed size among them
  size_t sharedBytes = 0;
  bool races = false;
  // Barriers passed so far, of all launches; those of the first of this launch and of this block.
  uint32_t now = 1, launch = 1, block = 1;
  uint16_t steps[kMostThreads / kWarp] = {};
} state;

uint16_t step(unsigned thread) { return state.steps[thread / kWarp]; }

/** Whether what `other` did between the same barriers, at `otherStep`, comes before what `thread` does. */
bool ordered(uint16_t other, uint16_t otherStep, unsigned thread) {
  if (other == thread) return true;
  if (other == kMany) return false;
  const unsigned warp = (other & kOfWarp) != 0 ? other & ~kOfWarp : other / kWarp;
  return warp == thread / kWarp && otherStep != step(thread);
}

const char* kind(bool write) { return write ? "write to" : "read from"; }

void race(const char* at, const char* name, bool write, bool otherWrote, uint16_t other) {
  if (other == kMany) fault("race: a %s %s memory (%p) that other threads read", kind(write), name, at);
  fault("race: a %s %s memory (%p) that thread %u %s", kind(write), name, static_cast<const void*>(at), other,
        otherWrote ? "wrote to" : "read");
}

/** Of device memory: blocks run in any order. */
void checkBlocks(const Cell& cell, const char* at, bool write) {
  if (cell.written >= state.launch && cell.written < state.block) {
    fault("race: a %s device memory (%p) that another block wrote to", kind(write), at);
  }
  if (write && cell.read >= state.launch && cell.read < state.block) {
    fault("race: a write to device memory (%p) that another block read", at);
  }
}

void checkThreads(const Cell& cell, const char* at, const char* name, unsigned thread, bool write) {
  if (cell.written == state.now && !ordered(cell.writer, cell.writerStep, thread)) {
    race(at, name, write, true, cell.writer);
  }
  if (write && cell.read == state.now && !ordered(cell.reader, cell.readerStep, thread)) {
    race(at, name, write, false, cell.reader);
  }
}

void note(Cell& cell, unsigned thread, bool write) {
  const auto self = static_cast<uint16_t>(thread);
  if (write) {
    cell.written = state.now, cell.writer = self, cell.writerStep = step(thread);
    return;
  }
  if (cell.read != state.now) {
    cell.reader = self;
  } else if (cell.reader != self && cell.reader != kMany) {
    const unsigned warp = (cell.reader & kOfWarp) != 0 ? cell.reader & ~kOfWarp : cell.reader / kWarp;
    cell.reader = warp == thread / kWarp ? static_cast<uint16_t>(kOfWarp | warp) : kMany;
  }
  cell.read = state.now, cell.readerStep = step(thread);
}

void touchCells(Region& region, const char* name, bool shared, unsigned thread, const char* at, size_t bytes,
                bool write) {
  const auto from = static_cast<size_t>(at - region.begin);
  for (size_t i = from / 2; i <= (from + bytes - 1) / 2; ++i) {
    Cell& cell = region.cells[i];
    const char* const here = region.begin + 2 * i;
    if (shared && !write && cell.written < state.block) {
      fault("a read from shared memory (%p) that the block has not written", here);
    }
    if (!shared) checkBlocks(cell, here, write);
    checkThreads(cell, here, name, thread, write);
    note(cell, thread, write);
  }
}

}  // namespace

void watchStacks(const char* stacks, size_t bytes) { state.stacks = stacks, state.stackBytes = bytes; }
void watchShared(const char* shared) {
  state.shared.set(shared, kMostCluster * kSharedBytes);
  state.image.set(&__data_start, static_cast<size_t>(&_end - &__data_start));
}
void watchDevice(const char* memory, size_t bytes) { state.device.set(memory, bytes); }

void beginLaunch(size_t shared, bool races) {
  state.sharedBytes = shared, state.races = races;
  state.launch = ++state.now;
}
void beginBlock() { state.block = ++state.now; }
void openBlock() { ++state.now; }
void stepWarp(unsigned warp) { ++state.steps[warp]; }

void touchAs(unsigned thread, const void* memory, size_t bytes, bool write) {
  const auto* const at = static_cast<const char*>(memory);
  const auto onStack = [](const void* what) {
    return static_cast<size_t>(static_cast<const char*>(what) - state.stacks) < state.stackBytes;
  };
  // The host's threads have stacks of their own.
  if (onStack(at) || !onStack(__builtin_frame_address(0))) return;
  if (state.shared.holds(at)) {
    const auto offset = static_cast<size_t>(at - state.shared.begin) % kSharedBytes;
    if (offset + bytes > state.sharedBytes)
      fault("a %s shared memory past its %zu bytes", kind(write), state.sharedBytes);
    if (state.races) touchCells(state.shared, "shared", true, thread, at, bytes, write);
  } else if (state.device.holds(at)) {
    if (!allocated(at, bytes)) fault("a %s device memory (%p) that is not allocated", kind(write), memory);
    if (state.races) touchCells(state.device, "device", false, thread, at, bytes, write);
  } else if (state.image.holds(at)) {
    // What begins with a value and was never written is a constant.
    const Cell& cell = state.image.cells[(at - state.image.begin) / 2];
    if (!write && cell.written == 0 && at < &__bss_start) return;
    touchCells(state.image, "shared", true, thread, at, bytes, write);
  } else if (write && !allocated(at, bytes)) {
    fault("a write to memory (%p) that is not the device's", memory);
  }
}
void touch(const void* memory, size_t bytes, bool write) { touchAs(here.thread.x, memory, bytes, write); }

}  // namespace emulator
