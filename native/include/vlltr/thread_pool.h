#pragma once

#include <cstdint>
#include <memory>
#include <type_traits>

#include "vlltr/status.h"

namespace vlltr {

/**
 * Threads that share out the parts of one job. How a problem is cut into parts is the caller's choice and
 * must not depend on the number of threads: then sums are the same for any number of them.
 *
 * One job runs at a time. A job that finds the pool taken (another JavaScript thread, a nested job) runs on
 * its own thread, so nothing ever waits for another job.
 */
class ThreadPool {
 public:
  /** `threads` >= 1 counts the calling thread. Starts fewer where the system refuses more. */
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  /**
   * The pool of the process, made at first use and never destroyed: at exit its threads must not outlive
   * what they wait on. VLLTR_THREADS sets its size (1 to 1024; default: all cores this process may use).
   */
  static Status shared(ThreadPool** pool);

  /** The number of threads that VLLTR_THREADS' value asks for (null or empty: all cores). */
  static Status parseThreads(const char* value, int* threads);

  int threads() const;

  /** Calls `part(i)` once for each i in [0, parts), in any order; returns when all are done. Must not throw.
   */
  template <class Part>
  void run(int64_t parts, Part&& part) {
    using Function = std::remove_reference_t<Part>;
    runParts(
        parts, [](void* context, int64_t i) { (*static_cast<Function*>(context))(i); },
        const_cast<void*>(static_cast<const void*>(&part)));
  }

 private:
  struct State;
  void runParts(int64_t parts, void (*call)(void*, int64_t), void* context);
  std::unique_ptr<State> state_;
};

}  // namespace vlltr
