#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "selftest/guarded.h"
#include "selftest/selftest.h"
#include "test/anchor_attention_reference.h"
#include "test/random.h"
#include "vlltr/anchor_attention.h"

/** One size of the attention to anchors: its inputs, what a target makes of them, what it should. */
namespace vlltr {

using Floats = std::vector<float>;
using reference::Doubles;

struct AnchorProblem {
  size_t batch, classes, perClass, width;
  Precision precision = Precision::kFloat32;
  bool detachNorm = false;
  double logitScale = 1;
  float spread = 1;    // of the images
  float common = 0;    // of a vector that the anchors of a class share
  float within = 1;    // of each anchor around it
  int64_t offset = 0;  // of all arrays, in floats from an aligned address
  int64_t chunk = 0;   // anchors that are gone through at once; 0: as many as suit the card
};

inline std::string nameOf(const AnchorProblem& p) {
  return "anchor-attention " + std::to_string(p.batch) + "x" + std::to_string(p.classes) + "x" +
         std::to_string(p.perClass) + "x" + std::to_string(p.width) +
         (p.precision == Precision::kFloat32 ? " fp32" : " bf16") + (p.detachNorm ? " detached" : "") +
         (p.common != 0 ? " clustered" : "") + (p.spread != 1 ? " spread" : "") +
         (p.logitScale != 1 ? " scaled" : "") + (p.chunk != 0 ? " in chunks" : "");
}

struct AnchorCase {
  static constexpr int kInputs = 8, kOutputs = 10;

  AnchorProblem problem;
  reference::Attention wanted;
  Floats inputs[kInputs];    // x, wq, wk, gammaQ, betaQ, gammaK, logitScale, dlogits
  Floats outputs[kOutputs];  // dx, dwq, dwk, dgammaQ, dbetaQ, dgammaK, dlogitScale, logits, weights,
                             // contributions
  Guarded in[kInputs], out[kOutputs];
  std::shared_ptr<const AnchorTable> table;

  AnchorCase(Selftest& test, const AnchorProblem& p) : problem(p) {
    Random random{test.seed()};
    const auto fill = [&](Floats& to, size_t size, float factor, float offset) {
      for (size_t i = 0; i < size; ++i) to.push_back(random() * factor + offset);
    };
    const float root = 1 / std::sqrt(static_cast<float>(p.width));
    fill(inputs[0], p.batch * p.width, p.spread, 0);
    fill(inputs[1], p.width * p.width, root, 0), fill(inputs[2], p.width * p.width, root, 0);
    fill(inputs[3], p.width, 0.3f, 1), fill(inputs[4], p.width, 0.3f, 0), fill(inputs[5], p.width, 0.3f, 1);
    inputs[6].push_back(static_cast<float>(p.logitScale));
    fill(inputs[7], p.batch * p.classes, 1, 0);
    for (size_t c = 0; c < p.classes; ++c) {
      // Every count occurs, none and all of them more often.
      const int64_t draw = random.integer(-1, static_cast<int64_t>(p.perClass) + 2);
      wanted.counts.push_back(
          static_cast<int32_t>(std::clamp<int64_t>(draw, 0, static_cast<int64_t>(p.perClass))));
    }
    if (p.classes == 1) wanted.counts[0] = static_cast<int32_t>(p.perClass);
    Floats shared;
    fill(shared, p.classes * p.width, p.common, 0);
    for (size_t i = 0; i < p.classes * p.perClass * p.width; ++i) {
      const float mean = shared[i / (p.perClass * p.width) * p.width + i % p.width];
      anchors_.push_back(mean + p.within * random());
    }
    refer();
  }

  Status place(Target& target) {
    Floats padded = anchors_;
    for (size_t c = 0; c < problem.classes; ++c) {  // Padding is never read.
      const auto from = padded.begin() + static_cast<int64_t>(c * problem.perClass * problem.width);
      std::fill(from + wanted.counts[c] * static_cast<int64_t>(problem.width),
                from + static_cast<int64_t>(problem.perClass * problem.width),
                std::numeric_limits<float>::quiet_NaN());
    }
    VLLTR_RETURN_IF_ERROR(target.makeTable(
        {static_cast<int64_t>(problem.classes), static_cast<int64_t>(problem.perClass),
         static_cast<int64_t>(problem.width), padded.data(), wanted.counts.data(), problem.precision},
        &table));
    for (size_t c = 0; c < problem.classes; ++c) {  // Nor the gradient of a class without anchors.
      for (size_t b = 0; b < problem.batch && wanted.counts[c] == 0; ++b)
        inputs[7][b * problem.classes + c] = std::numeric_limits<float>::quiet_NaN();
    }
    for (int i = 0; i < kInputs; ++i) VLLTR_RETURN_IF_ERROR(in[i].make(target, inputs[i], problem.offset));
    const Doubles* results[] = {&wanted.dx,      &wanted.dwq,          &wanted.dwk, &wanted.dgammaQ,
                                &wanted.dbetaQ,  &wanted.dgammaK,      nullptr,     &wanted.logits,
                                &wanted.weights, &wanted.contributions};
    for (int i = 0; i < kOutputs; ++i) {
      const int64_t count = results[i] == nullptr ? 1 : static_cast<int64_t>(results[i]->size());
      VLLTR_RETURN_IF_ERROR(out[i].make(target, count, problem.offset));
    }
    return Status();
  }

  AnchorAttentionInputs call() const {
    return {table.get(),  static_cast<int64_t>(problem.batch),
            in[0].data(), in[1].data(),
            in[2].data(), in[3].data(),
            in[4].data(), in[5].data(),
            in[6].data(), problem.detachNorm};
  }
  AnchorAttentionForward forward() const { return {call(), out[7].data()}; }
  AnchorAttentionBackward backward() const {
    return {call(),        in[7].data(),  out[0].data(), out[1].data(), out[2].data(),
            out[3].data(), out[4].data(), out[5].data(), out[6].data()};
  }
  AnchorAttentionWeights explain() const { return {call(), out[7].data(), out[8].data(), out[9].data()}; }

  Status poison() {
    for (Guarded& one : out) VLLTR_RETURN_IF_ERROR(one.poison());
    return Status();
  }
  Status get() {
    for (int i = 0; i < kOutputs; ++i) VLLTR_RETURN_IF_ERROR(out[i].get(&outputs[i]));
    return Status();
  }

 private:
  Floats anchors_;

  void refer() {
    const auto doubles = [](const Floats& from) { return Doubles(from.begin(), from.end()); };
    wanted.batch = problem.batch, wanted.classes = problem.classes;
    wanted.perClass = problem.perClass, wanted.width = problem.width;
    wanted.anchors = doubles(anchors_), wanted.x = doubles(inputs[0]);
    wanted.wq = doubles(inputs[1]), wanted.wk = doubles(inputs[2]);
    wanted.gammaQ = doubles(inputs[3]), wanted.betaQ = doubles(inputs[4]), wanted.gammaK = doubles(inputs[5]);
    wanted.betaK.assign(problem.width, 0.5);
    wanted.logitScale = inputs[6][0], wanted.detachNorm = problem.detachNorm;
    wanted.dlogits = doubles(inputs[7]);
    wanted.run();
  }
};

/** Largest and root mean square error, beside the largest and the root mean square value (or `least`).
 * Infinite where what should be finite is not, or the reverse. */
struct AnchorErrors {
  double most = 0, square = 0;

  AnchorErrors(const Floats& got, const Doubles& expected, double least = 0) {
    double largest = std::max(least, 1e-30), values = 0;
    for (size_t i = 0; i < expected.size(); ++i) {
      if (std::isinf(expected[i]) && static_cast<double>(got[i]) == expected[i]) continue;
      const double error = std::abs(static_cast<double>(got[i]) - expected[i]);
      most = std::max(most, std::isfinite(error) ? error : std::numeric_limits<double>::infinity());
      square += error * error, values += expected[i] * expected[i];
      largest = std::max(largest, std::abs(expected[i]));
    }
    most /= largest;
    square =
        std::sqrt(square / std::max({values, least * least * static_cast<double>(expected.size()), 1e-60}));
    if (!std::isfinite(square)) square = std::numeric_limits<double>::infinity();
  }
};

}  // namespace vlltr
