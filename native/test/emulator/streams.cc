#include "streams.h"

#include <algorithm>
#include <deque>
#include <mutex>
#include <vector>

struct EmulatedStream {
  std::deque<std::function<void()>> work;
  uint64_t enqueued = 0, done = 0;
};

namespace emulator {
namespace {

struct Streams {
  std::mutex lists;    // of what is enqueued
  std::mutex running;  // held by the one thread that does work
  EmulatedStream byDefault;
  std::vector<EmulatedStream*> all{&byDefault};
  int untilFailure = 0;

  EmulatedStream& of(EmulatedStream* stream) { return stream == nullptr ? byDefault : *stream; }
};

/** Never destroyed: streams of devices that stay open outlive all else. */
Streams& streams() {
  static auto* const made = new Streams;
  return *made;
}

/** Does a stream's next piece, as far as it has one and it is not past `last`. With `running` held. */
bool doNext(EmulatedStream& stream, uint64_t last) {
  std::function<void()> work;
  {
    const std::lock_guard lock(streams().lists);
    if (stream.work.empty() || stream.done >= last) return false;
    work = std::move(stream.work.front());
    stream.work.pop_front();
    ++stream.done;
  }
  work();
  return true;
}

std::vector<EmulatedStream*> othersThan(const EmulatedStream& stream) {
  const std::lock_guard lock(streams().lists);
  std::vector<EmulatedStream*> others = streams().all;
  std::erase(others, &stream);
  return others;
}

}  // namespace

EmulatedStream* makeStream() {
  auto* const stream = new EmulatedStream;
  const std::lock_guard lock(streams().lists);
  streams().all.push_back(stream);
  return stream;
}

void destroyStream(EmulatedStream* stream) {
  finish(stream, lastOf(stream));
  const std::lock_guard running(streams().running);
  const std::lock_guard lock(streams().lists);
  std::erase(streams().all, stream);
  delete stream;
}

uint64_t enqueue(EmulatedStream* given, std::function<void()> work) {
  const std::lock_guard lock(streams().lists);
  EmulatedStream& stream = streams().of(given);
  stream.work.push_back(std::move(work));
  return ++stream.enqueued;
}

uint64_t lastOf(EmulatedStream* stream) {
  const std::lock_guard lock(streams().lists);
  return streams().of(stream).enqueued;
}

void finish(EmulatedStream* given, uint64_t last) {
  const std::lock_guard lock(streams().running);
  EmulatedStream& stream = streams().of(given);
  while (doNext(stream, last)) {
    for (EmulatedStream* other : othersThan(stream)) doNext(*other, UINT64_MAX);
  }
}

void finishAll() {
  std::vector<EmulatedStream*> all;
  {
    const std::lock_guard lock(streams().lists);
    all = streams().all;
  }
  for (EmulatedStream* stream : all) finish(stream, lastOf(stream));
}

size_t pending() {
  const std::lock_guard lock(streams().lists);
  size_t count = 0;
  for (const EmulatedStream* stream : streams().all) count += stream->work.size();
  return count;
}

void failLaunch(int after) { streams().untilFailure = after + 1; }
bool launchFails() {
  int& left = streams().untilFailure;
  return left > 0 && --left == 0;
}

}  // namespace emulator
