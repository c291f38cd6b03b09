#include "cuda/staging.h"

#include <algorithm>
#include <cstring>
#include <mutex>

#include "cuda/device.h"
#include "ops/arguments.h"
#include "vlltr/thread_pool.h"

namespace vlltr::cuda {
namespace {

constexpr int64_t kAlignment = 256;
constexpr int64_t kHalf = StagingBuffer::kHalf;
// What one thread copies at a time.
constexpr int64_t kPiece = int64_t{256} << 10;

struct Piece {
  char *to, *from;
  int64_t bytes;
};

/** The pieces of `arrays` within [begin, end) of their layout, with the buffer that holds it; `out`: from the
 * buffer. */
template <class Arrays>
std::vector<Piece> piecesOf(const Arrays& arrays, int64_t begin, int64_t end, char* buffer, bool out) {
  std::vector<Piece> pieces;
  for (const auto& array : arrays) {
    const int64_t last = std::min(end, array.at + array.bytes);
    for (int64_t at = std::max(begin, array.at); at < last; at += kPiece) {
      char *const host = array.host + (at - array.at), *const staged = buffer + (at - begin);
      const int64_t bytes = std::min(kPiece, last - at);
      pieces.push_back(out ? Piece{host, staged, bytes} : Piece{staged, host, bytes});
    }
  }
  return pieces;
}

Status copy(const std::vector<Piece>& pieces) {
  ThreadPool* pool = nullptr;
  VLLTR_RETURN_IF_ERROR(ThreadPool::shared(&pool));
  pool->run(static_cast<int64_t>(pieces.size()), [&](int64_t i) {
    const Piece& piece = pieces[static_cast<size_t>(i)];
    std::memcpy(piece.to, piece.from, static_cast<size_t>(piece.bytes));
  });
  return Status();
}

}  // namespace

void Staging::add(std::vector<Array>& to, const char* name, void** pointer, int64_t bytes) {
  if (bytes > 0) to.push_back({name, pointer, static_cast<char*>(*pointer), bytes, 0});
}

Status Staging::checkArrays() const {
  const auto spans = [](const std::vector<Array>& arrays) {
    std::vector<Span> made;
    for (const Array& array : arrays) made.push_back({array.name, array.host, array.bytes});
    return made;
  };
  return checkSpans(op_, spans(inputs_), spans(outputs_));
}

int64_t Staging::layOut(std::vector<Array>& arrays) {
  int64_t bytes = 0;
  for (Array& array : arrays) {
    array.at = bytes;
    bytes += (array.bytes + kAlignment - 1) / kAlignment * kAlignment;
  }
  return bytes;
}

Status Staging::begin() {
  VLLTR_RETURN_IF_ERROR(checkArrays());
  inputBytes_ = layOut(inputs_), outputBytes_ = layOut(outputs_);
  VLLTR_RETURN_IF_ERROR(memory_.reserve(device_, inputBytes_ + outputBytes_));
  for (const Array& array : inputs_) *array.pointer = memory_.as<char>(array.at);
  for (const Array& array : outputs_) *array.pointer = memory_.as<char>(inputBytes_ + array.at);

  const Current current(device_);
  StagingBuffer& buffer = device_.data().staging;
  const std::lock_guard lock(buffer.mutex);
  VLLTR_RETURN_IF_ERROR(buffer.reserve());
  int half = 0;
  for (int64_t at = 0; at < inputBytes_; at += kHalf, half ^= 1) {
    const int64_t end = std::min(inputBytes_, at + kHalf);
    // Until the copy before the last has left this half.
    VLLTR_RETURN_IF_ERROR(check(cudaEventSynchronize(buffer.done[half]), "copying to the device"));
    VLLTR_RETURN_IF_ERROR(copy(piecesOf(inputs_, at, end, buffer.half(half), false)));
    VLLTR_RETURN_IF_ERROR(device_.upload(memory_.as<char>(at), buffer.half(half), end - at));
    VLLTR_RETURN_IF_ERROR(
        check(cudaEventRecord(buffer.done[half], device_.data().stream), "recording an event"));
  }
  return Status();
}

Status Staging::end() {
  const Current current(device_);
  StagingBuffer& buffer = device_.data().staging;
  const std::lock_guard lock(buffer.mutex);
  const auto enqueue = [&](int64_t at, int half) {
    const int64_t bytes = std::min(kHalf, outputBytes_ - at);
    VLLTR_RETURN_IF_ERROR(
        check(cudaMemcpyAsync(buffer.half(half), memory_.as<char>(inputBytes_ + at),
                              static_cast<size_t>(bytes), cudaMemcpyDeviceToHost, device_.data().stream),
              "copying from the device"));
    return check(cudaEventRecord(buffer.done[half], device_.data().stream), "recording an event");
  };
  // Work enqueued on the stream is done in order, so a half is free again once what was uploaded from it is.
  if (outputBytes_ > 0) VLLTR_RETURN_IF_ERROR(enqueue(0, 0));
  int half = 0;
  for (int64_t at = 0; at < outputBytes_; at += kHalf, half ^= 1) {
    if (at + kHalf < outputBytes_) VLLTR_RETURN_IF_ERROR(enqueue(at + kHalf, half ^ 1));
    VLLTR_RETURN_IF_ERROR(check(cudaEventSynchronize(buffer.done[half]), "running what was enqueued"));
    const int64_t end = std::min(outputBytes_, at + kHalf);
    VLLTR_RETURN_IF_ERROR(copy(piecesOf(outputs_, at, end, buffer.half(half), true)));
  }
  return device_.synchronize();
}

}  // namespace vlltr::cuda
