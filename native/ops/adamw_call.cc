#include "ops/adamw_call.h"

#include <cmath>
#include <string>

#include "ops/arguments.h"

namespace vlltr {
namespace {

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

}  // namespace

Status checkAdamwCall(const Adamw& call) {
  if (call.size < 0)
    return invalidArgument("adamw: size is " + std::to_string(call.size) + ", expected >= 0");
  VLLTR_RETURN_IF_ERROR(checkConstants(call));
  VLLTR_RETURN_IF_ERROR(checkParameters(call));
  return checkArrays(call);
}

std::vector<AdamwFactors> adamwFactors(const Adamw& call, double clip) {
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

}  // namespace vlltr
