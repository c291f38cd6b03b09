#include "selftest/cpu_target.h"

#include <cstdlib>
#include <cstring>

namespace vlltr {

Status CpuTarget::allocate(int64_t bytes, void** memory) {
  // Aligned as a card's memory is, so that offsets from it mean the same.
  constexpr size_t kAlignment = 256;
  const size_t size = (static_cast<size_t>(bytes) / kAlignment + 1) * kAlignment;
  *memory = std::aligned_alloc(kAlignment, size);
  return *memory != nullptr ? Status() : Status(Code::kResourceExhausted, "no memory for a check");
}
void CpuTarget::release(void* memory) { std::free(memory); }
Status CpuTarget::upload(void* to, const void* from, int64_t bytes) {
  std::memcpy(to, from, static_cast<size_t>(bytes));
  return Status();
}
Status CpuTarget::download(void* to, const void* from, int64_t bytes) { return upload(to, from, bytes); }
Status CpuTarget::fill(void* to, uint8_t byte, int64_t bytes) {
  std::memset(to, byte, static_cast<size_t>(bytes));
  return Status();
}

Status CpuTarget::adamw(const Adamw& call) { return vlltr::adamw(call); }
Status CpuTarget::contrastive(const ContrastiveForward& call) { return vlltr::contrastive(call); }
Status CpuTarget::contrastive(const ContrastiveLosses& call) { return vlltr::contrastive(call); }
Status CpuTarget::contrastive(const ContrastiveBackward& call) { return vlltr::contrastive(call); }
Status CpuTarget::mergeContrastive(int64_t n, const ContrastiveStatistics& other,
                                   const ContrastiveStatistics& into) {
  return vlltr::mergeContrastive(n, other, into);
}
Status CpuTarget::makeTable(const AnchorTableSource& source, std::shared_ptr<const AnchorTable>* table) {
  return AnchorTable::make(source, table);
}
Status CpuTarget::anchorAttention(const AnchorAttentionForward& call) { return vlltr::anchorAttention(call); }
Status CpuTarget::anchorAttention(const AnchorAttentionBackward& call) {
  return vlltr::anchorAttention(call);
}
Status CpuTarget::anchorAttention(const AnchorAttentionWeights& call) { return vlltr::anchorAttention(call); }

}  // namespace vlltr
