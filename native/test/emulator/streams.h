// Work on streams. None of it is done before somebody waits for it, so that what a caller reads too early he
// does not find; and between two pieces of what is waited for, other streams get on, as on a device.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

struct EmulatedStream;

namespace emulator {

EmulatedStream* makeStream();
/** Does what is left. */
void destroyStream(EmulatedStream* stream);

/** Gives the number of what was enqueued; null: the default stream, which waits for no other. */
uint64_t enqueue(EmulatedStream* stream, std::function<void()> work);
/** The number of what was enqueued last. */
uint64_t lastOf(EmulatedStream* stream);
/** Does a stream's work up to that of a number. */
void finish(EmulatedStream* stream, uint64_t last);
void finishAll();
/** Pieces of work that are not done. */
size_t pending();

/** The launch after so many others fails, once. */
void failLaunch(int after);
/** Whether it is this one. */
bool launchFails();

}  // namespace emulator
