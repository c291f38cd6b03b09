// What the headers promise of devices, in a build without CUDA: there is never one.
#include "vlltr/anchor_attention.h"
#include "vlltr/device.h"
#include "vlltr/hosted.h"
#include "vlltr/resident.h"

namespace vlltr {

struct Device::Data {
  Card card;
};

namespace {
Status none() { return unavailable("this build has no CUDA kernels"); }
}  // namespace

Status Device::count(int* cards) {
  *cards = 0;
  return none();
}
Status Device::describe(int, Card*) { return none(); }
Status Device::open(int, std::shared_ptr<Device>*) { return none(); }
Device::Device(std::unique_ptr<Data> data) : data_(std::move(data)) {}
Device::~Device() = default;
const Card& Device::card() const { return data_->card; }
Status Device::allocate(int64_t, void**) { return none(); }
void Device::release(void*) {}
Status Device::upload(void*, const void*, int64_t) { return none(); }
Status Device::download(void*, const void*, int64_t) { return none(); }
Status Device::fill(void*, uint8_t, int64_t) { return none(); }
Status Device::synchronize() { return none(); }
Status Device::synchronizeCard() { return none(); }
Status Device::mark(int) { return none(); }
Status Device::elapsed(float*) { return none(); }

Status AnchorTable::make(Device&, const AnchorTableSource&, std::shared_ptr<const AnchorTable>*) {
  return none();
}

Status hosted::adamw(Device&, const Adamw&) { return none(); }
Status hosted::contrastive(Device&, const ContrastiveForward&) { return none(); }
Status hosted::contrastive(Device&, const ContrastiveBackward&) { return none(); }
Status hosted::anchorAttention(Device&, const AnchorAttentionForward&) { return none(); }
Status hosted::anchorAttention(Device&, const AnchorAttentionBackward&) { return none(); }
Status hosted::anchorAttention(Device&, const AnchorAttentionWeights&) { return none(); }

Status resident::prepare(const Device&, const Adamw&, int64_t*) { return none(); }
Status resident::prepare(const Device&, const ContrastiveForward&, int64_t*) { return none(); }
Status resident::prepare(const Device&, const ContrastiveBackward&, int64_t*) { return none(); }
Status resident::prepare(const Device&, const AnchorAttentionForward&, int64_t*) { return none(); }
Status resident::prepare(const Device&, const AnchorAttentionBackward&, int64_t*) { return none(); }
Status resident::adamw(Device&, const Adamw&, const LentMemory&) { return none(); }
Status resident::contrastive(Device&, const ContrastiveForward&, float*, const LentMemory&) { return none(); }
Status resident::contrastive(Device&, const ContrastiveBackward&, const LentMemory&) { return none(); }
Status resident::anchorAttention(Device&, const AnchorAttentionForward&, const LentMemory&) { return none(); }
Status resident::anchorAttention(Device&, const AnchorAttentionBackward&, const LentMemory&) {
  return none();
}

}  // namespace vlltr
