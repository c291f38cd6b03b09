#include "vlltr/thread_pool.h"

#include <atomic>
#include <thread>
#include <vector>

#include "check.h"

using vlltr::ThreadPool;

namespace {

void everyPartOnce(ThreadPool& pool, int64_t parts) {
  std::vector<std::atomic<int>> calls(static_cast<size_t>(parts));
  pool.run(parts, [&](int64_t i) { calls[static_cast<size_t>(i)].fetch_add(1); });
  for (const auto& count : calls) CHECK(count == 1);
}

void nested(ThreadPool& pool) {
  std::atomic<int64_t> total{0};
  pool.run(8, [&](int64_t i) { pool.run(5, [&](int64_t j) { total += i * 5 + j; }); });
  CHECK(total == 40 * 39 / 2);
}

void manyCallers(ThreadPool& pool) {
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller) {
    callers.emplace_back([&] {
      for (int repeat = 0; repeat < 200; ++repeat) everyPartOnce(pool, repeat % 7);
    });
  }
  for (std::thread& caller : callers) caller.join();
}

void threadCounts() {
  int threads = 0;
  CHECK_OK(ThreadPool::parseThreads("3", &threads));
  CHECK(threads == 3);
  CHECK_OK(ThreadPool::parseThreads(nullptr, &threads));
  CHECK(threads >= 1);
  for (const char* wrong : {"0", "-1", "two", "3x", "1025", " ", "99999999999999999999"}) {
    CHECK(ThreadPool::parseThreads(wrong, &threads).code() == vlltr::Code::kInvalidArgument);
  }
}

}  // namespace

int main() {
  threadCounts();
  for (const int threads : {1, 2, 5}) {
    ThreadPool pool(threads);
    CHECK(pool.threads() == threads);
    for (const int64_t parts : {0, 1, 2, 5, 64, 1000}) everyPartOnce(pool, parts);
    nested(pool);
    manyCallers(pool);
  }
  for (int repeat = 0; repeat < 50; ++repeat) {
    ThreadPool pool(3);  // torn down at once, mid-start too
    if (repeat % 2 == 0) everyPartOnce(pool, 4);
  }
  std::puts("thread_pool_test: ok");
}
