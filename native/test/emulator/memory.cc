#include "memory.h"

#include <sys/mman.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <map>
#include <mutex>

#include "emulator.h"
#include "watch.h"

namespace emulator {
namespace {

constexpr size_t kAlignment = 512;

struct Memory {
  std::mutex mutex;
  std::atomic<uint64_t> changes{1};  // allocations and releases so far
  char* begin = nullptr;
  std::map<size_t, size_t> blocks;  // bytes by offset
  std::atomic<bool> hostToo{false};
  size_t used = 0;

  Memory() {
    void* const made = mmap(nullptr, kDeviceBytes, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (made == MAP_FAILED) fault("no memory for a device");
    begin = static_cast<char*>(made);
    watchDevice(begin, kDeviceBytes);
  }
};

Memory& device() {
  static Memory memory;
  return memory;
}

}  // namespace

void* allocate(size_t bytes) {
  Memory& of = device();
  if (bytes > kDeviceBytes) return nullptr;
  const std::lock_guard lock(of.mutex);
  // At least one piece lies free between two allocations.
  const size_t whole = (bytes / kAlignment + 2) * kAlignment;
  size_t at = 0;
  for (const auto& [offset, size] : of.blocks) {
    if (offset - at >= whole) break;
    at = (offset + size) / kAlignment * kAlignment + 2 * kAlignment;
  }
  if (at + whole > kDeviceBytes) return nullptr;
  of.blocks[at] = bytes, of.used += bytes, ++of.changes;
  std::memset(of.begin + at, 0xFF, bytes);
  return of.begin + at;
}

void release(void* memory) {
  Memory& of = device();
  const std::lock_guard lock(of.mutex);
  const auto found = of.blocks.find(static_cast<size_t>(static_cast<char*>(memory) - of.begin));
  if (found == of.blocks.end()) fault("release of memory (%p) that is not allocated", memory);
  std::memset(memory, 0xFF, found->second);
  of.used -= found->second, ++of.changes;
  of.blocks.erase(found);
}

bool allocated(const void* memory, size_t bytes) {
  Memory& of = device();
  const auto at = static_cast<size_t>(static_cast<const char*>(memory) - of.begin);
  if (at >= kDeviceBytes) return of.hostToo;
  // Where it was found the last time, by page.
  struct Found {
    uint64_t changes = 0;
    size_t begin = 0, end = 0;
  };
  thread_local Found cache[64];
  Found& found = cache[at / 4096 % 64];
  const uint64_t changes = of.changes;
  if (found.changes != changes || at < found.begin || at >= found.end) {
    const std::lock_guard lock(of.mutex);
    auto after = of.blocks.upper_bound(at);
    if (after == of.blocks.begin()) return false;
    --after;
    found = {changes, after->first, after->first + after->second};
  }
  return at >= found.begin && at + bytes <= found.end;
}

void adoptHost() { device().hostToo = true; }

size_t freeBytes() {
  Memory& of = device();
  const std::lock_guard lock(of.mutex);
  return kDeviceBytes - of.used;
}

}  // namespace emulator
