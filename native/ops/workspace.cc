#include "ops/workspace.h"

#include <cstdlib>
#include <mutex>
#include <vector>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace vlltr {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;

/**
 * What calls gave back, for those to come: fresh memory is cleared by the system a page at a time, which took
 * 5 % of a product of 2048 x 2048 x 1024. Safe for threads.
 */
class Kept {
 public:
  static Kept& shared() {
    static Kept* const kept = new Kept;  // outlives the threads that still compute as the process ends
    return *kept;
  }

  /** A piece of at least `*size` bytes, and no more than twice of it, which it becomes; null: there is none.
   */
  void* take(size_t* size) {
    const std::lock_guard<std::mutex> lock(mutex_);
    auto best = pieces_.end();
    for (auto piece = pieces_.begin(); piece != pieces_.end(); ++piece) {
      if (piece->size < *size || piece->size > 2 * *size) continue;
      if (best == pieces_.end() || piece->size < best->size) best = piece;
    }
    if (best == pieces_.end()) return nullptr;
    const Piece taken = *best;
    pieces_.erase(best);
    held_ -= taken.size;
    *size = taken.size;
    return taken.memory;
  }

  void give(void* memory, size_t size) {
    if (size < kHugePage || size > kMost) return std::free(memory);
    const std::lock_guard<std::mutex> lock(mutex_);
    while (pieces_.size() == kPieces || held_ + size > kMost) {  // what was given the longest ago goes
      held_ -= pieces_.front().size;
      std::free(pieces_.front().memory);
      pieces_.erase(pieces_.begin());
    }
    pieces_.push_back({memory, size});
    held_ += size;
  }

  size_t held() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return held_;
  }

 private:
#if defined(__SANITIZE_ADDRESS__)
  static constexpr size_t kMost = 0;  // each use is to be of memory that was had for it
#else
  static constexpr size_t kMost = size_t{32} << 20;
#endif
  static constexpr size_t kPieces = 4;
  struct Piece {
    void* memory;
    size_t size;
  };

  Kept() { pieces_.reserve(kPieces); }

  std::mutex mutex_;
  std::vector<Piece> pieces_;
  size_t held_ = 0;
};

}  // namespace

bool Workspace::reserve(int64_t bytes) { return reserve(bytes, false); }

bool Workspace::reserveLasting(int64_t bytes) { return reserve(bytes, true); }

int64_t Workspace::kept() { return static_cast<int64_t>(Kept::shared().held()); }

bool Workspace::reserve(int64_t bytes, bool fresh) {
  memory_.reset();
  const size_t alignment = static_cast<size_t>(bytes) < kHugePage ? kAlignment : kHugePage;
  size_t size = (static_cast<size_t>(bytes) + alignment - 1) / alignment * alignment;
  if (size == 0) size = alignment;
  void* memory = alignment == kHugePage && !fresh ? Kept::shared().take(&size) : nullptr;
  if (memory == nullptr) {
    memory = std::aligned_alloc(alignment, size);
#if defined(__linux__)
    // Fresh memory is faulted in a page at a time: huge ones make that cheap.
    if (memory != nullptr && alignment == kHugePage) madvise(memory, size, MADV_HUGEPAGE);
#endif
  }
  memory_ = std::unique_ptr<void, GiveBack>(memory, GiveBack{size});
  return memory != nullptr;
}

void Workspace::GiveBack::operator()(void* memory) const { Kept::shared().give(memory, size); }

}  // namespace vlltr
