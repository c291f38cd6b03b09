#include "cuda/contrastive.h"
#include "cuda/contrastive_math.h"
#include "cuda/device.h"
#include "cuda/launch.cuh"
#include "cuda/reduce.cuh"

namespace vlltr::cuda {
namespace {

constexpr int kLossThreads = 1024, kMergeThreads = 256;

__global__ void __launch_bounds__(kLossThreads) losses(const ContrastiveLosses call) {
  double lse = 0, distance = 0;
  for (int64_t i = threadIdx.x; i < call.columns; i += kLossThreads) {
    const double row = call.rowStatistics.lse[i], column = call.columnStatistics.lse[i];
    lse += row + column;
    if (!call.teacher) continue;
    distance += (row - static_cast<double>(call.rowStatistics.teacherMean[i])) +
                (column - static_cast<double>(call.columnStatistics.teacherMean[i]));
  }
  lse = blockSum<kLossThreads>(lse);
  distance = blockSum<kLossThreads>(distance);
  if (threadIdx.x != 0) return;
  const auto n = static_cast<double>(call.columns);
  const double contrastive = lse / (2 * n) - static_cast<double>(*call.targetSum) / n;
  const double distillation = call.teacher ? distance / (2 * n) : 0;
  const double weight = call.teacher ? static_cast<double>(call.distillWeight) : 0;
  call.losses[0] = static_cast<float>((1 - weight) * contrastive + weight * distillation);
  call.losses[1] = static_cast<float>(contrastive);
  call.losses[2] = static_cast<float>(distillation);
}

__global__ void __launch_bounds__(kMergeThreads)
    mergeStatistics(int64_t n, const ContrastiveStatistics other, const ContrastiveStatistics into) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * kMergeThreads + threadIdx.x;
  if (i >= n) return;
  const LineStatistics both = merge(LineStatistics{into.lse[i], into.teacherLse[i], into.teacherMean[i]},
                                    LineStatistics{other.lse[i], other.teacherLse[i], other.teacherMean[i]});
  into.lse[i] = both.lse, into.teacherLse[i] = both.teacherLse, into.teacherMean[i] = both.teacherMean;
}

}  // namespace

Status contrastive(Device& device, const ContrastiveLosses& call) {
  const std::lock_guard lock(device.data().enqueue);
  const Current current(device);
  return check(launch(device.data().stream, losses, 1, kLossThreads, 0, call),
               "starting the contrastive losses");
}

Status mergeContrastive(Device& device, int64_t n, const ContrastiveStatistics& other,
                        const ContrastiveStatistics& into) {
  const std::lock_guard lock(device.data().enqueue);
  const Current current(device);
  const auto blocks = static_cast<unsigned>((n + kMergeThreads - 1) / kMergeThreads);
  return check(launch(device.data().stream, mergeStatistics, blocks, kMergeThreads, 0, n, other, into),
               "merging statistics");
}

}  // namespace vlltr::cuda
