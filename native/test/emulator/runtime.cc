#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "cuda_runtime.h"
#include "memory.h"

struct EmulatedEvent {
  EmulatedStream* stream = nullptr;
  uint64_t last = 0;  // of the stream's work when it was recorded
};

namespace {

/** They share memory and streams. */
constexpr int kCards = 2;

/** Copies are refused where a device would fault: what lies on it is allocated. */
bool there(const void* memory, size_t bytes) { return bytes == 0 || emulator::allocated(memory, bytes); }

/** The host's memory whose pages are locked. */
struct Locked {
  std::mutex mutex;
  std::map<const char*, size_t> blocks;

  bool holds(const void* memory) {
    const std::lock_guard lock(mutex);
    const auto* const at = static_cast<const char*>(memory);
    auto after = blocks.upper_bound(at);
    if (after == blocks.begin()) return false;
    --after;
    return at < after->first + after->second;
  }
};

Locked& locked() {
  static auto* const made = new Locked;
  return *made;
}

void finish(EmulatedStream* stream) { emulator::finish(stream, emulator::lastOf(stream)); }

}  // namespace

size_t emulator::sharedLimit() {
  static const size_t limit = [] {
    const char* const narrow = std::getenv("VLLTR_EMULATOR_SHARED");
    return narrow == nullptr ? kSharedBytes : std::min(kSharedBytes, static_cast<size_t>(std::atol(narrow)));
  }();
  return limit;
}

const char* cudaGetErrorName(cudaError_t error) {
  return error == cudaErrorMemoryAllocation ? "cudaErrorMemoryAllocation"
         : error == cudaSuccess             ? "cudaSuccess"
                                            : "cudaErrorInvalidValue";
}
const char* cudaGetErrorString(cudaError_t error) {
  return error == cudaErrorMemoryAllocation ? "out of memory"
         : error == cudaSuccess             ? "no error"
                                            : "invalid argument";
}

cudaError_t cudaDriverGetVersion(int* version) { return *version = 13000, cudaSuccess; }
cudaError_t cudaRuntimeGetVersion(int* version) { return *version = 13000, cudaSuccess; }
cudaError_t cudaGetDeviceCount(int* count) { return *count = kCards, cudaSuccess; }
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int) {
  *properties = {"the emulator", 9, 0, 4, emulator::kDeviceBytes};
  return cudaSuccess;
}
cudaError_t cudaGetDevice(int* device) { return *device = 0, cudaSuccess; }
cudaError_t cudaSetDevice(int device) { return device < kCards ? cudaSuccess : cudaErrorInvalidValue; }
cudaError_t cudaDeviceSynchronize() { return emulator::finishAll(), cudaSuccess; }
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr, int) {
  return *value = static_cast<int>(emulator::sharedLimit()), cudaSuccess;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  return *stream = emulator::makeStream(), cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) { return finish(stream), cudaSuccess; }
cudaError_t cudaStreamDestroy(cudaStream_t stream) { return emulator::destroyStream(stream), cudaSuccess; }
cudaError_t cudaEventCreate(cudaEvent_t* event) { return *event = new EmulatedEvent, cudaSuccess; }
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) { return cudaEventCreate(event); }
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  return *event = {stream, emulator::lastOf(stream)}, cudaSuccess;
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  return emulator::finish(event->stream, event->last), cudaSuccess;
}
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t, cudaEvent_t) {
  return *milliseconds = 0, cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t event) { return delete event, cudaSuccess; }

cudaError_t cudaMemPoolCreate(cudaMemPool_t*, const cudaMemPoolProps*) { return cudaSuccess; }
cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t, cudaMemPoolAttr, void*) { return cudaSuccess; }
cudaError_t cudaMemPoolDestroy(cudaMemPool_t) { return cudaSuccess; }
cudaError_t cudaMallocFromPoolAsync(void** memory, size_t bytes, cudaMemPool_t, cudaStream_t) {
  *memory = emulator::allocate(bytes);
  if (*memory == nullptr) {
    emulator::finishAll();  // what is released is free behind the work that was enqueued before
    *memory = emulator::allocate(bytes);
  }
  return *memory == nullptr ? cudaErrorMemoryAllocation : cudaSuccess;
}
cudaError_t cudaFreeAsync(void* memory, cudaStream_t stream) {
  emulator::enqueue(stream, [memory] { emulator::release(memory); });
  return cudaSuccess;
}
cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  *free = emulator::freeBytes(), *total = emulator::kDeviceBytes;
  return cudaSuccess;
}
cudaError_t cudaHostAlloc(void** memory, size_t bytes, unsigned) {
  *memory = std::malloc(bytes);
  if (*memory == nullptr) return cudaErrorMemoryAllocation;
  const std::lock_guard lock(locked().mutex);
  locked().blocks[static_cast<char*>(*memory)] = bytes;
  return cudaSuccess;
}
cudaError_t cudaFreeHost(void* memory) {
  const std::lock_guard lock(locked().mutex);
  locked().blocks.erase(static_cast<char*>(memory));
  return std::free(memory), cudaSuccess;
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  const bool up = kind == cudaMemcpyHostToDevice;
  if (!there(up ? to : from, bytes)) return cudaErrorInvalidValue;
  if (bytes == 0) return cudaSuccess;
  if (up && !locked().holds(from)) {
    // From pages that are not locked the bytes are taken before the call returns.
    const auto* const first = static_cast<const char*>(from);
    const auto taken = std::make_shared<std::vector<char>>(first, first + bytes);
    emulator::enqueue(stream, [to, taken] { std::memcpy(to, taken->data(), taken->size()); });
    return cudaSuccess;
  }
  emulator::enqueue(stream, [=] { std::memcpy(to, from, bytes); });
  if (!up && !locked().holds(to)) finish(stream);  // and to them it waits
  return cudaSuccess;
}
cudaError_t cudaMemsetAsync(void* to, int value, size_t bytes, cudaStream_t stream) {
  if (!there(to, bytes)) return cudaErrorInvalidValue;
  if (bytes > 0) emulator::enqueue(stream, [=] { std::memset(to, value, bytes); });
  return cudaSuccess;
}
