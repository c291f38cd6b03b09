#include "cuda/anchor_hopper.cuh"
#include "cuda/anchor_hopper.h"
#include "cuda/device.h"
#include "cuda/hopper.cuh"
#include "cuda/hopper_map.h"
#include "cuda/path.h"

namespace vlltr::cuda {
namespace {

template <bool kGradient, bool kWhole>
Status launch(const Device& device, const HopperAttend& call) {
  return hopper::launchClusters<HopperAttend::kCluster>(device.data(), attendHopperKernel<kGradient, kWhole>,
                                                        call.tiles, AttendRing::kBytes, call);
}

}  // namespace

bool takesHopperAttention(const Device& device, const AnchorTableMemory& table, int64_t rows,
                          int64_t classes) {
  constexpr int64_t kLeastMean = 8;
  const bool tried = kHopperAttentionTried || path() == Path::kUntried;
  return tried && takesHopper(device) && table.gramParts != nullptr && rows >= kLeastMean * classes;
}

int64_t hopperScaleTerms(const Device& device) {
  return int64_t{device.card().multiprocessors} * hopper::kConsumers * 4;
}

Status attendHopper(const Device& device, const AttendCall& call, const AnchorQuery& query) {
  const AnchorTableMemory& table = *call.table;
  HopperAttend with(call);
  const int64_t rows = call.chunk.firstRow + call.chunk.rows;
  const HopperMatrix queries = {query.factors, 2 * query.batch, query.stride, query.stride, query.low()};
  const HopperMatrix anchors = {table.high, rows, table.stride, table.stride,
                                table.low == nullptr ? 0 : table.low - table.high};
  with.terms = table.low == nullptr ? 1 : 3;
  for (int part = 0; part < (with.terms > 1 ? 2 : 1); ++part) {
    VLLTR_RETURN_IF_ERROR(
        mapMatrix(queries.part(part), HopperAttend::kImages / HopperAttend::kCluster, &with.queries[part]));
    VLLTR_RETURN_IF_ERROR(mapMatrix(anchors.part(part), kClassAnchors, &with.anchors[part]));
  }
  with.steps = static_cast<int>(table.stride / hopper::kDeep);
  with.imageTiles = static_cast<int>((call.batch + HopperAttend::kImages - 1) / HopperAttend::kImages);
  with.tiles = static_cast<int>((call.chunk.classes + HopperAttend::kClasses - 1) / HopperAttend::kClasses) *
               with.imageTiles;
  constexpr int kLead = 2;
  with.lead = with.steps * with.terms > AttendRing::kStages ? kLead : 0;
  if (call.dlogits == nullptr) return launch<false, false>(device, with);
  return table.split() ? launch<true, false>(device, with) : launch<true, true>(device, with);
}

}  // namespace vlltr::cuda
