#include "vlltr/adamw.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <string>

#include "cpu/adamw.h"
#include "cpu/select.h"
#include "ops/arguments.h"
#include "vlltr/thread_pool.h"

namespace vlltr {
namespace {

constexpr KernelSet<AdamwKernels> kKernels = VLLTR_KERNEL_SET(kAdamw);

// So that a part's gradient is still in the L2 cache when the update follows its sum of squares.
constexpr int64_t kElementsPerPart = 32 * 1024;
constexpr double kClipEpsilon = 1e-6;

Status checkNumber(const char* name, double value, bool good, const char* expected) {
  if (good) return Status();
  return invalidArgument(std::string("adamw: ") + name + " is " + std::to_string(value) + ", expected " +
                         expected);
}

Status checkConstants(const Adamw& call) {
  VLLTR_RETURN_IF_ERROR(
      checkNumber("step", call.step, call.step >= 1 && std::isfinite(call.step), "a finite number >= 1"));
  VLLTR_RETURN_IF_ERROR(
      checkNumber("beta1", call.beta1, call.beta1 >= 0 && call.beta1 < 1, "a number in [0, 1)"));
  VLLTR_RETURN_IF_ERROR(
      checkNumber("beta2", call.beta2, call.beta2 >= 0 && call.beta2 < 1, "a number in [0, 1)"));
  VLLTR_RETURN_IF_ERROR(checkNumber("epsilon", call.epsilon, call.epsilon >= 0 && std::isfinite(call.epsilon),
                                    "a finite number >= 0"));
  return checkNumber("clipNorm", call.clipNorm, call.clipNorm > 0, "a number > 0");
}

Status checkParameters(const Adamw& call) {
  int64_t size = 0;
  for (size_t i = 0; i < call.parameters.size(); ++i) {
    const AdamwParameter& p = call.parameters[i];
    const std::string which = "adamw: parameter " + std::to_string(i) + " ";
    if (p.length < 0 || p.length > call.size - size) {
      return invalidArgument(which + "has " + std::to_string(p.length) + " elements, expected 0 to " +
                             std::to_string(call.size - size));
    }
    if (!(p.weightDecay >= 0 && std::isfinite(p.weightDecay) && std::isfinite(p.rate)) ||
        std::isnan(p.upperBound)) {
      return invalidArgument(which + "has weight decay " + std::to_string(p.weightDecay) + ", rate " +
                             std::to_string(p.rate) + " and upper bound " + std::to_string(p.upperBound) +
                             ", expected a finite number >= 0, a finite number, a number");
    }
    size += p.length;
  }
  if (size == call.size) return Status();
  return invalidArgument("adamw: the parameters have " + std::to_string(size) + " elements, expected " +
                         std::to_string(call.size));
}

Status checkArrays(const Adamw& call) {
  std::vector<Span> inputs{span("params", call.params, call.size), span("m", call.m, call.size),
                           span("v", call.v, call.size)};
  for (const AdamwParameter& p : call.parameters) inputs.push_back(span("a gradient", p.grad, p.length));
  const Span outputs[] = {span("the new params", call.newParams, call.size),
                          span("the new m", call.newM, call.size), span("the new v", call.newV, call.size),
                          span("gradNorm", call.gradNorm, 1)};
  return checkSpans("adamw", inputs, outputs);
}

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

/** What the step comes to for each parameter, the gradient scaled by `clip`. */
std::vector<AdamwFactors> factorsOf(const Adamw& call, double clip) {
  // 1 - beta^t by expm1: of a power near 1 the subtraction would keep few digits.
  const double correction1 = -std::expm1(call.step * std::log(call.beta1));
  const double correction2 = -std::expm1(call.step * std::log(call.beta2));
  std::vector<AdamwFactors> all;
  for (const AdamwParameter& p : call.parameters) {
    const double rate = call.learningRate * p.rate;
    AdamwFactors f;
    f.clip = static_cast<float>(clip);
    f.keepM = static_cast<float>(call.beta1);
    f.addM = static_cast<float>(1 - call.beta1);
    f.keepV = static_cast<float>(call.beta2);
    f.addV = static_cast<float>(1 - call.beta2);
    f.unbiasRootV = static_cast<float>(1 / std::sqrt(correction2));
    f.epsilon = static_cast<float>(call.epsilon);
    f.stepSize = static_cast<float>(rate / correction1);
    f.decay = static_cast<float>(rate * p.weightDecay);
    f.upperBound = p.upperBound;
    all.push_back(f);
  }
  return all;
}

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
    const double factor = call.clipNorm / (norm() + kClipEpsilon);
    clip = factor >= 1 ? 1 : factor;  // NaN stays NaN
  }
  const std::vector<AdamwFactors> factors = factorsOf(call, clip);
  pool.run(partition.parts, [&](int64_t part) {
    if (!clipped) measure(part);
    partition.each(part, [&](size_t parameter, int64_t of, int64_t at, int64_t count) {
      kernels.update(count, factors[parameter], call.parameters[parameter].grad + of, call.params + at,
                     call.m + at, call.v + at, call.newParams + at, call.newM + at, call.newV + at);
    });
  });
  *call.gradNorm = static_cast<float>(norm());
  return Status();
}

}  // namespace

Status adamw(const Adamw& call) {
  if (call.size < 0)
    return invalidArgument("adamw: size is " + std::to_string(call.size) + ", expected >= 0");
  VLLTR_RETURN_IF_ERROR(checkConstants(call));
  VLLTR_RETURN_IF_ERROR(checkParameters(call));
  try {
    VLLTR_RETURN_IF_ERROR(checkArrays(call));
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
