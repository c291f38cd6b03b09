#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "vlltr/adamw.h"
#include "vlltr/anchor_attention.h"
#include "vlltr/contrastive.h"
#include "vlltr/device.h"

namespace vlltr {

/** Whose kernels a self-test checks: a card's, or the processor's. Arrays of calls are in its memory. */
class Target {
 public:
  virtual ~Target() = default;

  /** Null for the processor. */
  virtual Device* card() const { return nullptr; }

  virtual Status allocate(int64_t bytes, void** memory) = 0;
  virtual void release(void* memory) = 0;
  virtual Status upload(void* to, const void* from, int64_t bytes) = 0;
  virtual Status download(void* to, const void* from, int64_t bytes) = 0;
  virtual Status fill(void* to, uint8_t byte, int64_t bytes) = 0;
  /** The first error of what was begun so far. */
  virtual Status synchronize() { return Status(); }

  virtual Status adamw(const Adamw& call) = 0;
  virtual Status contrastive(const ContrastiveForward& call) = 0;
  virtual Status contrastive(const ContrastiveLosses& call) = 0;
  virtual Status contrastive(const ContrastiveBackward& call) = 0;
  virtual Status mergeContrastive(int64_t n, const ContrastiveStatistics& other,
                                  const ContrastiveStatistics& into) = 0;
  virtual Status makeTable(const AnchorTableSource& source, std::shared_ptr<const AnchorTable>* table) = 0;
  virtual Status anchorAttention(const AnchorAttentionForward& call) = 0;
  virtual Status anchorAttention(const AnchorAttentionBackward& call) = 0;
  virtual Status anchorAttention(const AnchorAttentionWeights& call) = 0;

  /** Calls `check` with each set of kernels in use that there is for the attention to anchors, and what tells
   * it from the others. */
  virtual void withEachKernels(const std::function<void(const std::string& name)>& check) { check(""); }
  /** Whether those in use are for a table of this shape. */
  virtual bool isFor(const AnchorTable&) const { return true; }
  /** As cuda::setAnchorChunk. */
  virtual void chunk(int64_t) {}
};

/** Memory of a target that is released with its owner. */
class TargetMemory {
 public:
  TargetMemory() = default;
  ~TargetMemory() { reset(); }
  TargetMemory(TargetMemory&& other) noexcept : target_(other.target_), memory_(other.memory_) {
    other.memory_ = nullptr;
  }
  TargetMemory& operator=(TargetMemory&& other) noexcept {
    std::swap(target_, other.target_);
    std::swap(memory_, other.memory_);
    return *this;
  }

  Status reserve(Target& target, int64_t bytes) {
    reset();
    target_ = &target;
    return target.allocate(bytes, &memory_);
  }
  template <class T>
  T* as() const {
    return static_cast<T*>(memory_);
  }

 private:
  void reset() {
    if (memory_ != nullptr) target_->release(memory_);
    memory_ = nullptr;
  }
  Target* target_ = nullptr;
  void* memory_ = nullptr;
};

}  // namespace vlltr
