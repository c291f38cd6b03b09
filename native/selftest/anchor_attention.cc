#include "selftest/anchor_attention_case.h"

namespace vlltr {
namespace {

/** `allowed`: of the largest error, beside the largest value. */
void compare(Selftest& test, const std::string& name, const AnchorCase& c, double allowed) {
  const reference::Attention& wanted = c.wanted;
  const double tolerance = allowed + 4e-7 * wanted.cancellation;
  const double terms = wanted.attentionTerms * std::sqrt(static_cast<double>(c.problem.width));
  const Doubles* gradients[] = {&wanted.dx,      &wanted.dwq,    &wanted.dwk,
                                &wanted.dgammaQ, &wanted.dbetaQ, &wanted.dgammaK};
  const char* names[] = {"dx", "dwq", "dwk", "dgammaQ", "dbetaQ", "dgammaK"};
  // What flows through the images' direction is bounded by what one class can send.
  const double direction = std::exp(wanted.logitScale) / std::max(1e-12, double{c.problem.spread});
  for (int i = 0; i < 6; ++i) {
    const double least = i == 0 ? std::max(terms, direction) : terms;
    test.expect(name + ", " + names[i], AnchorErrors(c.outputs[i], *gradients[i], least).most, tolerance);
  }
  test.expect(name + ", dlogitScale",
              AnchorErrors(c.outputs[6], {wanted.dlogitScale}, wanted.dlogitScaleTerms).most, tolerance);
  test.expect(name + ", logits", AnchorErrors(c.outputs[7], wanted.logits, wanted.logitTerms).most,
              tolerance);
  test.expect(name + ", weights", AnchorErrors(c.outputs[8], wanted.weights, 1).most, tolerance);
  test.expect(name + ", contributions",
              AnchorErrors(c.outputs[9], wanted.contributions, wanted.logitTerms).most, tolerance);
  // An image's logit is the sum of its contributions.
  double apart = 0, largest = 1e-30;
  for (size_t i = 0; i < wanted.logits.size(); ++i) {
    if (!std::isfinite(wanted.logits[i])) continue;
    double sum = 0;
    for (size_t m = 0; m < c.problem.perClass; ++m) {
      const double part = c.outputs[9][i * c.problem.perClass + m];
      sum += part, largest = std::max(largest, std::abs(part));
    }
    apart = std::max(apart, std::abs(sum - static_cast<double>(c.outputs[7][i])));
  }
  test.expect(name + ", sums of contributions", apart / largest,
              2e-6 * std::sqrt(static_cast<double>(c.problem.perClass)));
}

void check(Selftest& test, AnchorCase& c, const std::string& name, double allowed) {
  const AnchorProblem& problem = c.problem;
  Target& target = test.target();
  const auto run = [&] {
    Status status = c.poison();
    if (status.ok()) status = target.anchorAttention(c.explain());
    if (status.ok()) status = target.anchorAttention(c.backward());
    if (status.ok()) status = c.get();
    return status;
  };
  if (!test.ok(name, c.place(target)) || !target.isFor(*c.table) || !test.ok(name, run())) return;
  compare(test, name, c, allowed);
  if (problem.precision == Precision::kBfloat16 && problem.common > 0) {
    test.expect(name + ", logits, root mean square", AnchorErrors(c.outputs[7], c.wanted.logits).square,
                1e-3);
  }
  // Once more, the logits alone: the same bits.
  Floats before[AnchorCase::kOutputs];
  std::copy(std::begin(c.outputs), std::end(c.outputs), before);
  if (!test.small() && !test.ok(name + " again", run())) return;
  int differ = 0;
  for (int i = 0; i < AnchorCase::kOutputs; ++i) differ += before[i] != c.outputs[i];
  const Status alone = [&] {
    VLLTR_RETURN_IF_ERROR(c.out[7].poison());
    VLLTR_RETURN_IF_ERROR(target.anchorAttention(c.forward()));
    return c.out[7].get(&c.outputs[7]);
  }();
  if (!test.ok(name + " alone", alone)) return;
  differ += before[7] != c.outputs[7];
  test.expect(name + ", arrays that another run changes", differ, 0);
}

void check(Selftest& test, const AnchorProblem& problem, double allowed) {
  AnchorCase c(test, problem);
  Target& target = test.target();
  target.chunk(problem.chunk);
  target.withEachKernels(
      [&](const std::string& kernels) { check(test, c, nameOf(problem) + kernels, allowed); });
  target.chunk(0);
}

void refusals(Selftest& test) {
  AnchorCase c(test, {3, 2, 3, 4});
  Target& target = test.target();
  if (!test.ok("anchor-attention refusals", c.place(target))) return;
  AnchorAttentionForward call = c.forward();
  call.table = nullptr;
  test.refused("anchor-attention no table", target.anchorAttention(call), Code::kInvalidArgument);
  call = c.forward(), call.batch = -1;
  test.refused("anchor-attention shape", target.anchorAttention(call), Code::kInvalidArgument);
  call = c.forward(), call.logits = const_cast<float*>(call.x);
  test.refused("anchor-attention overlap", target.anchorAttention(call), Code::kInvalidArgument);
  if (target.card() == nullptr) return;
  const Floats anchors(24, 1);
  const int32_t counts[] = {2, 3};
  const AnchorTableSource source{2, 3, 4, anchors.data(), counts};
  std::shared_ptr<const AnchorTable> table;
  if (!test.ok("anchor-attention table of the host", AnchorTable::make(source, &table))) return;
  call = c.forward(), call.table = table.get();
  test.refused("anchor-attention the host's table", target.anchorAttention(call), Code::kInvalidArgument);
  test.refused("anchor-attention the device's table", anchorAttention(c.forward()), Code::kInvalidArgument);
}

}  // namespace

void checkAnchorAttention(Selftest& test) {
  constexpr Precision kHalf = Precision::kBfloat16, kSingle = Precision::kFloat32;
  for (const Precision precision : {kSingle, kHalf}) {
    const double allowed = precision == kSingle ? 5e-5 : 3e-2;
    const auto with = [&](AnchorProblem p, double factor = 1) {
      if (test.small() && (p.width > 320 || p.perClass > 128)) return;
      p.precision = precision;
      check(test, p, factor * allowed);
    };
    with({0, 3, 4, 5});
    with({1, 1, 1, 1});
    with({2, 3, 5, 8});
    with({7, 10, 64, 33});
    with({7, 10, 5, 33, kSingle, true});
    with({65, 37, 64, 64});
    with({130, 37, 5, 64, kSingle, true});
    with({130, 10, 100, 33});
    with({2, 3, 1024, 40});
    with({7, 1, 1024, 64, kSingle, true});
    with({7, 3, 64, 512});
    with({7, 2, 5, 1024});
    with({65, 3, 100, 512, kSingle, true});
    with({16, 10, 64, 64, kSingle, false, 1, 1, 1, 0.2f});
    with({9, 4, 64, 256, kSingle, false, 1, 1, 1, 0.2f});
    with({7, 10, 5, 16, kSingle, false, std::log(100.0)}, 3);
    with({7, 10, 5, 16, kSingle, false, 1, 1e4f});
    with({7, 10, 5, 16, kSingle, false, 1, 1e-4f});
    with({7, 10, 5, 16, kSingle, false, 1, 0});
    with({7, 10, 5, 36, kSingle, false, 1, 1, 0, 1, 1});
    with({33, 10, 17, 67, kSingle, false, 1, 1, 0, 1, 3});
    // Several tiles of images and of classes; products of many steps; several parts of a table.
    with({129, 5, 40, 72});
    with({3, 6, 64, 300});
    with({131, 11, 30, 70, kSingle, false, 1, 1, 0, 1, 0, 80});
    with({20, 11, 64, 36, kSingle, true, 1, 1, 0.5f, 0.2f, 1, 64});
  }
  refusals(test);
}

}  // namespace vlltr
