#include "vlltr/thread_pool.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

namespace vlltr {

struct ThreadPool::State {
  struct Job {
    void (*call)(void*, int64_t);
    void* context;
    int64_t parts;
    std::atomic<int64_t> next{0};

    void drain() {
      for (int64_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < parts;) call(context, i);
    }
  };

  std::vector<std::thread> workers;
  std::atomic<bool> taken{
      false};        // a job is running; not a mutex, since a nested job asks on the same thread
  std::mutex mutex;  // guards what follows
  std::condition_variable wake, done;
  Job* job = nullptr;
  uint64_t generation = 0;
  int active = 0;  // workers inside the current job
  bool stop = false;

  void work() {
    uint64_t seen = 0;
    std::unique_lock lock(mutex);
    for (;;) {
      wake.wait(lock, [&] { return stop || (job != nullptr && generation != seen); });
      if (stop) return;
      seen = generation;
      Job* mine = job;
      ++active;
      lock.unlock();
      mine->drain();
      lock.lock();
      if (--active == 0) done.notify_one();
    }
  }

  void start(int count) {
    // Signals belong to the threads of the host program.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    try {
      for (int i = 0; i < count; ++i) workers.emplace_back([this] { work(); });
    } catch (const std::system_error&) {
      // The system refuses more threads: serve with those there are.
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }
};

ThreadPool::ThreadPool(int threads) : state_(std::make_unique<State>()) { state_->start(threads - 1); }

ThreadPool::~ThreadPool() {
  {
    std::lock_guard lock(state_->mutex);
    state_->stop = true;
  }
  state_->wake.notify_all();
  for (std::thread& worker : state_->workers) worker.join();
}

int ThreadPool::threads() const { return static_cast<int>(state_->workers.size()) + 1; }

void ThreadPool::runParts(int64_t parts, void (*call)(void*, int64_t), void* context) {
  State& state = *state_;
  if (parts <= 1 || state.workers.empty() || state.taken.exchange(true, std::memory_order_acquire)) {
    for (int64_t i = 0; i < parts; ++i) call(context, i);
    return;
  }
  State::Job job{call, context, parts};
  {
    std::lock_guard lock(state.mutex);
    state.job = &job;
    ++state.generation;
  }
  const int64_t helpers = std::min<int64_t>(parts - 1, static_cast<int64_t>(state.workers.size()));
  for (int64_t i = 0; i < helpers; ++i) state.wake.notify_one();
  job.drain();
  {
    std::unique_lock lock(state.mutex);
    state.job = nullptr;  // a worker that wakes only now finds nothing to do
    state.done.wait(lock, [&] { return state.active == 0; });
  }
  state.taken.store(false, std::memory_order_release);
}

Status ThreadPool::parseThreads(const char* value, int* threads) {
  if (value == nullptr || *value == '\0') {
    *threads = static_cast<int>(std::clamp(std::thread::hardware_concurrency(), 1u, 1024u));
    return Status();
  }
  char* end = nullptr;
  errno = 0;
  const long count = std::strtol(value, &end, 10);
  if (errno != 0 || *end != '\0' || count < 1 || count > 1024) {
    return invalidArgument(std::string("VLLTR_THREADS is \"") + value +
                           "\", expected a number from 1 to 1024");
  }
  *threads = static_cast<int>(count);
  return Status();
}

Status ThreadPool::shared(ThreadPool** pool) {
  struct Made {
    ThreadPool* pool = nullptr;
    Status status;
  };
  static const Made* made = [] {
    auto* result = new Made;
    int threads = 1;
    result->status = parseThreads(std::getenv("VLLTR_THREADS"), &threads);
    if (result->status.ok()) result->pool = new ThreadPool(threads);
    return result;
  }();
  *pool = made->pool;
  return made->status;
}

}  // namespace vlltr
