#include "cuda/device.h"

#include <string>
#include <utility>

namespace vlltr {
namespace {

/** Memory that a device keeps for later calls once what it was for is done. */
constexpr uint64_t kKeptMemory = uint64_t{1} << 30;

cudaError_t makePool(int ordinal, cudaMemPool_t* pool) {
  cudaMemPoolProps properties = {};
  properties.allocType = cudaMemAllocationTypePinned;
  properties.location.type = cudaMemLocationTypeDevice;
  properties.location.id = ordinal;
  const cudaError_t error = cudaMemPoolCreate(pool, &properties);
  if (error != cudaSuccess) return error;
  uint64_t kept = kKeptMemory;
  return cudaMemPoolSetAttribute(*pool, cudaMemPoolAttrReleaseThreshold, &kept);
}

}  // namespace

namespace cuda {

Status check(cudaError_t error, const char* during) {
  if (error == cudaSuccess) return Status();
  cudaGetLastError();  // An error that is no fault of the device is forgotten once it is told.
  const Code code = error == cudaErrorMemoryAllocation ? Code::kResourceExhausted : Code::kInternal;
  return Status(code, std::string("CUDA, ") + during + ": " + cudaGetErrorName(error) + ", " +
                          cudaGetErrorString(error));
}

Status StagingBuffer::reserve() {
  if (memory != nullptr) return Status();
  for (cudaEvent_t& each : done) {
    if (each == nullptr) {
      VLLTR_RETURN_IF_ERROR(
          check(cudaEventCreateWithFlags(&each, cudaEventDisableTiming), "making an event"));
    }
  }
  return check(cudaHostAlloc(reinterpret_cast<void**>(&memory), 2 * kHalf, cudaHostAllocDefault),
               "locking pages of memory");
}

StagingBuffer::~StagingBuffer() {
  for (cudaEvent_t each : done) {
    if (each != nullptr) cudaEventDestroy(each);
  }
  if (memory != nullptr) cudaFreeHost(memory);
}

Current::Current(const Device& device) {
  cudaGetDevice(&before_);
  if (before_ == device.card().ordinal) {
    before_ = -1;
  } else {
    cudaSetDevice(device.card().ordinal);
  }
}

Current::~Current() {
  if (before_ >= 0) cudaSetDevice(before_);
}

}  // namespace cuda

using cuda::check;
using cuda::Current;

Status Device::count(int* cards) {
  *cards = 0;
  int driver = 0;
  cudaDriverGetVersion(&driver);
  if (driver == 0) return unavailable("no NVIDIA driver is loaded (libcuda.so.1)");
  const cudaError_t error = cudaGetDeviceCount(cards);
  if (error == cudaSuccess && *cards > 0) return Status();
  cudaGetLastError();
  return unavailable(std::string("no card for CUDA: ") +
                     (error == cudaSuccess ? "the driver shows none" : cudaGetErrorString(error)) +
                     " (driver for CUDA " + std::to_string(driver / 1000) + "." +
                     std::to_string(driver % 1000 / 10) + ")");
}

Status Device::describe(int ordinal, Card* card) {
  int cards = 0;
  VLLTR_RETURN_IF_ERROR(count(&cards));
  if (ordinal < 0 || ordinal >= cards) {
    return unavailable("there is no card " + std::to_string(ordinal) + ": the driver shows " +
                       std::to_string(cards));
  }
  cudaDeviceProp properties;
  VLLTR_RETURN_IF_ERROR(check(cudaGetDeviceProperties(&properties, ordinal), "reading a card's properties"));
  *card = {properties.name,
           ordinal,
           properties.major,
           properties.minor,
           properties.multiProcessorCount,
           static_cast<int64_t>(properties.totalGlobalMem)};
  cudaDriverGetVersion(&card->driver);
  cudaRuntimeGetVersion(&card->runtime);
  return Status();
}

Status Device::open(int ordinal, std::shared_ptr<Device>* device) {
  auto data = std::make_unique<Data>();
  VLLTR_RETURN_IF_ERROR(describe(ordinal, &data->card));
  if (data->card.major < 8) {
    return unavailable(data->card.name + " has compute capability " + std::to_string(data->card.major) + "." +
                       std::to_string(data->card.minor) + ", expected 8.0 or later");
  }
  std::shared_ptr<Device> opened(new Device(std::move(data)));
  Data& in = opened->data();
  const Current current(*opened);
  VLLTR_RETURN_IF_ERROR(
      check(cudaStreamCreateWithFlags(&in.stream, cudaStreamNonBlocking), "making a stream"));
  VLLTR_RETURN_IF_ERROR(check(makePool(ordinal, &in.pool), "making a memory pool"));
  for (cudaEvent_t& mark : in.marks) VLLTR_RETURN_IF_ERROR(check(cudaEventCreate(&mark), "making an event"));
  *device = std::move(opened);
  return Status();
}

Device::Device(std::unique_ptr<Data> data) : data_(std::move(data)) {}

Device::~Device() {
  const Current current(*this);
  if (data_->stream != nullptr) cudaStreamDestroy(data_->stream);
  if (data_->pool != nullptr) cudaMemPoolDestroy(data_->pool);
  for (cudaEvent_t mark : data_->marks) {
    if (mark != nullptr) cudaEventDestroy(mark);
  }
}

const Card& Device::card() const { return data_->card; }

Status Device::allocate(int64_t bytes, void** memory) {
  const Current current(*this);
  *memory = nullptr;
  const cudaError_t error =
      cudaMallocFromPoolAsync(memory, static_cast<size_t>(bytes < 1 ? 1 : bytes), data_->pool, data_->stream);
  if (error == cudaSuccess) return Status();
  cudaGetLastError();
  size_t free = 0, total = 0;
  cudaMemGetInfo(&free, &total);
  return Status(error == cudaErrorMemoryAllocation ? Code::kResourceExhausted : Code::kInternal,
                std::to_string(bytes) + " bytes asked for on " + data_->card.name + ", " +
                    std::to_string(free) + " of " + std::to_string(total) +
                    " are free: " + cudaGetErrorString(error));
}

void Device::release(void* memory) {
  const Current current(*this);
  cudaFreeAsync(memory, data_->stream);
}

Status Device::upload(void* to, const void* from, int64_t bytes) {
  const Current current(*this);
  return check(cudaMemcpyAsync(to, from, static_cast<size_t>(bytes), cudaMemcpyHostToDevice, data_->stream),
               "copying to the device");
}

Status Device::download(void* to, const void* from, int64_t bytes) {
  const Current current(*this);
  VLLTR_RETURN_IF_ERROR(
      check(cudaMemcpyAsync(to, from, static_cast<size_t>(bytes), cudaMemcpyDeviceToHost, data_->stream),
            "copying from the device"));
  return synchronize();
}

Status Device::fill(void* to, uint8_t byte, int64_t bytes) {
  const Current current(*this);
  return check(cudaMemsetAsync(to, byte, static_cast<size_t>(bytes), data_->stream), "filling memory");
}

Status Device::synchronize() {
  const Current current(*this);
  return check(cudaStreamSynchronize(data_->stream), "running what was enqueued");
}

Status Device::synchronizeCard() {
  const Current current(*this);
  return check(cudaDeviceSynchronize(), "running what others enqueued");
}

Status Device::mark(int which) {
  const Current current(*this);
  return check(cudaEventRecord(data_->marks[which], data_->stream), "recording an event");
}

Status Device::elapsed(float* milliseconds) {
  const Current current(*this);
  VLLTR_RETURN_IF_ERROR(check(cudaEventSynchronize(data_->marks[1]), "waiting for an event"));
  return check(cudaEventElapsedTime(milliseconds, data_->marks[0], data_->marks[1]), "reading a time");
}

}  // namespace vlltr
