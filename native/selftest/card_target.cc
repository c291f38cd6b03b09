#include "selftest/card_target.h"

#include "cuda/adamw.h"
#include "cuda/anchor_attention.h"
#include "cuda/anchor_hopper.h"
#include "cuda/contrastive.h"
#include "cuda/path.h"
#include "ops/anchor_table.h"

namespace vlltr {

Status CardTarget::allocate(int64_t bytes, void** memory) { return device_.allocate(bytes, memory); }
void CardTarget::release(void* memory) { device_.release(memory); }
Status CardTarget::upload(void* to, const void* from, int64_t bytes) {
  return device_.upload(to, from, bytes);
}
Status CardTarget::download(void* to, const void* from, int64_t bytes) {
  return device_.download(to, from, bytes);
}
Status CardTarget::fill(void* to, uint8_t byte, int64_t bytes) { return device_.fill(to, byte, bytes); }
Status CardTarget::synchronize() { return device_.synchronize(); }

Status CardTarget::adamw(const Adamw& call) { return cuda::adamw(device_, call); }
Status CardTarget::contrastive(const ContrastiveForward& call) { return cuda::contrastive(device_, call); }
Status CardTarget::contrastive(const ContrastiveLosses& call) { return cuda::contrastive(device_, call); }
Status CardTarget::contrastive(const ContrastiveBackward& call) { return cuda::contrastive(device_, call); }
Status CardTarget::mergeContrastive(int64_t n, const ContrastiveStatistics& other,
                                    const ContrastiveStatistics& into) {
  return cuda::mergeContrastive(device_, n, other, into);
}
Status CardTarget::makeTable(const AnchorTableSource& source, std::shared_ptr<const AnchorTable>* table) {
  return AnchorTable::make(device_, source, table);
}
Status CardTarget::anchorAttention(const AnchorAttentionForward& call) {
  return cuda::anchorAttention(device_, call);
}
Status CardTarget::anchorAttention(const AnchorAttentionBackward& call) {
  return cuda::anchorAttention(device_, call);
}
Status CardTarget::anchorAttention(const AnchorAttentionWeights& call) {
  return cuda::anchorAttention(device_, call);
}

void CardTarget::withEachKernels(const std::function<void(const std::string& name)>& check) {
  const cuda::Path before = cuda::path();
  if (cuda::takesHopper(device_)) cuda::setPath(cuda::Path::kUntried), check(" Hopper");
  cuda::setPath(cuda::Path::kMma), check("");
  cuda::setPath(cuda::Path::kGeneral), check(" general");
  cuda::setPath(before);
}

bool CardTarget::isFor(const AnchorTable& table) const {
  const AnchorTable::Data& data = table.data();
  return cuda::path() != cuda::Path::kUntried ||
         cuda::takesHopperAttention(device_, *data.device, data.rows(), data.classes);
}

void CardTarget::chunk(int64_t anchors) { cuda::setAnchorChunk(anchors); }

}  // namespace vlltr
