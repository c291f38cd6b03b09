#pragma once

#include "selftest/target.h"

namespace vlltr {

class CardTarget : public Target {
 public:
  explicit CardTarget(Device& device) : device_(device) {}

  Device* card() const override { return &device_; }
  Status allocate(int64_t bytes, void** memory) override;
  void release(void* memory) override;
  Status upload(void* to, const void* from, int64_t bytes) override;
  Status download(void* to, const void* from, int64_t bytes) override;
  Status fill(void* to, uint8_t byte, int64_t bytes) override;
  Status synchronize() override;

  Status adamw(const Adamw& call) override;
  Status contrastive(const ContrastiveForward& call) override;
  Status contrastive(const ContrastiveLosses& call) override;
  Status contrastive(const ContrastiveBackward& call) override;
  Status mergeContrastive(int64_t n, const ContrastiveStatistics& other,
                          const ContrastiveStatistics& into) override;
  Status makeTable(const AnchorTableSource& source, std::shared_ptr<const AnchorTable>* table) override;
  Status anchorAttention(const AnchorAttentionForward& call) override;
  Status anchorAttention(const AnchorAttentionBackward& call) override;
  Status anchorAttention(const AnchorAttentionWeights& call) override;

  /** Hopper's where they are for the card, the other ones for the shape, and those for all. */
  void withEachKernels(const std::function<void(const std::string& name)>& check) override;
  bool isFor(const AnchorTable& table) const override;
  void chunk(int64_t anchors) override;

 private:
  Device& device_;
};

}  // namespace vlltr
