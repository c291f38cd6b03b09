#include "vlltr/adamw.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <vector>

#include "cpu/adamw.h"
#include "cpu/select.h"
#include "ops/adamw_call.h"
#include "vlltr/thread_pool.h"

namespace vlltr {
namespace {

constexpr KernelSet<AdamwKernels> kKernels = VLLTR_KERNEL_SET(kAdamw);

// So that a part's gradient is still in the L2 cache when the update follows its sum of squares.
constexpr int64_t kElementsPerPart = 32 * 1024;

// Vectors of more elements go past the caches: three of them would push everything else out, and be gone
// themselves when the next step reads them.
constexpr int64_t kMostCached = int64_t{2} << 20;

/** All elements cut into parts of equal size, whatever parameters they belong to. */
class Partition {
 public:
  explicit Partition(const Adamw& call)
      : parts((call.size + kElementsPerPart - 1) / kElementsPerPart), call_(call) {
    int64_t end = 0;
    for (const AdamwParameter& p : call.parameters) ends_.push_back(end += p.length);
  }

  const int64_t parts;

  /** Calls `use(parameter, its element, element of the vectors, count)` for each stretch of a part in one
   * parameter. */
  template <class Use>
  void each(int64_t part, Use use) const {
    int64_t at = part * kElementsPerPart;
    const int64_t end = std::min(at + kElementsPerPart, call_.size);
    auto found = std::upper_bound(ends_.begin(), ends_.end(), at) - ends_.begin();
    for (; at < end; ++found) {
      const auto i = static_cast<size_t>(found);
      const int64_t stop = std::min(end, ends_[i]);
      if (stop > at) use(i, at - (ends_[i] - call_.parameters[i].length), at, stop - at);
      at = stop;
    }
  }

 private:
  const Adamw& call_;
  std::vector<int64_t> ends_;
};

Status step(const Adamw& call, const AdamwKernels& kernels, ThreadPool& pool) {
  const Partition partition(call);
  std::vector<double> squares(static_cast<size_t>(partition.parts));
  const auto measure = [&](int64_t part) {
    double sum = 0;
    partition.each(part, [&](size_t parameter, int64_t at, int64_t, int64_t count) {
      sum += kernels.squares(count, call.parameters[parameter].grad + at);
    });
    squares[static_cast<size_t>(part)] = sum;
  };
  const auto norm = [&] {
    double sum = 0;
    for (const double each : squares) sum += each;
    return std::sqrt(sum);
  };

  const bool clipped = std::isfinite(call.clipNorm);
  double clip = 1;
  if (clipped) {
    pool.run(partition.parts, measure);
    const double factor = call.clipNorm / (norm() + kAdamwClipEpsilon);
    clip = factor >= 1 ? 1 : factor;  // NaN stays NaN
  }
  const std::vector<AdamwFactors> factors = adamwFactors(call, clip);
  const bool streamed = call.size > kMostCached;
  pool.run(partition.parts, [&](int64_t part) {
    if (!clipped) measure(part);
    partition.each(part, [&](size_t parameter, int64_t of, int64_t at, int64_t count) {
      kernels.update(count, factors[parameter], call.parameters[parameter].grad + of, call.params + at,
                     call.m + at, call.v + at, call.newParams + at, call.newM + at, call.newV + at, streamed);
    });
  });
  *call.gradNorm = static_cast<float>(norm());
  return Status();
}

}  // namespace

Status adamw(const Adamw& call) {
  try {
    VLLTR_RETURN_IF_ERROR(checkAdamwCall(call));
    Isa isa;
    ThreadPool* pool = nullptr;
    VLLTR_RETURN_IF_ERROR(chosenIsa(&isa));
    VLLTR_RETURN_IF_ERROR(ThreadPool::shared(&pool));
    return step(call, kKernels.of(isa), *pool);
  } catch (const std::exception&) {
    return Status(Code::kResourceExhausted, "adamw: no memory for its sums");
  }
}

}  // namespace vlltr
