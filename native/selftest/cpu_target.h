#pragma once

#include "selftest/target.h"

namespace vlltr {

class CpuTarget : public Target {
 public:
  Status allocate(int64_t bytes, void** memory) override;
  void release(void* memory) override;
  Status upload(void* to, const void* from, int64_t bytes) override;
  Status download(void* to, const void* from, int64_t bytes) override;
  Status fill(void* to, uint8_t byte, int64_t bytes) override;

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
};

}  // namespace vlltr
