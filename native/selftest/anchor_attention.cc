#include "cuda/anchor_attention.h"

#include "cuda/anchor_hopper.h"
#include "cuda/path.h"
#include "ops/anchor_table.h"
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
  double scaleTerms = 0;
  for (size_t i = 0; i < wanted.logits.size(); ++i) {
    if (std::isfinite(wanted.logits[i])) scaleTerms += std::abs(wanted.logits[i] * wanted.dlogits[i]);
  }
  test.expect(name + ", dlogitScale", AnchorErrors(c.outputs[6], {wanted.dlogitScale}, scaleTerms).most,
              tolerance);
  test.expect(name + ", logits", AnchorErrors(c.outputs[7], wanted.logits).most, tolerance);
  test.expect(name + ", weights", AnchorErrors(c.outputs[8], wanted.weights, 1).most, tolerance);
  test.expect(name + ", contributions", AnchorErrors(c.outputs[9], wanted.contributions).most, tolerance);
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

bool takesHopper(Selftest& test, const AnchorTable& table) {
  const AnchorTable::Data& data = table.data();
  return cuda::takesHopperAttention(test.device(), *data.device, data.rows(), data.classes);
}

void check(Selftest& test, AnchorCase& c, const std::string& name, double allowed) {
  const AnchorProblem& problem = c.problem;
  Device& device = test.device();
  const auto run = [&] {
    Status status = c.poison();
    if (status.ok()) status = cuda::anchorAttention(device, c.explain());
    if (status.ok()) status = cuda::anchorAttention(device, c.backward());
    if (status.ok()) status = c.get();
    return status;
  };
  if (!test.ok(name, c.place(device)) || !test.ok(name, run())) return;
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
    VLLTR_RETURN_IF_ERROR(cuda::anchorAttention(device, c.forward()));
    return c.out[7].get(&c.outputs[7]);
  }();
  if (!test.ok(name + " alone", alone)) return;
  differ += before[7] != c.outputs[7];
  test.expect(name + ", arrays that another run changes", differ, 0);
}

/** With Hopper's kernels where they are for this card and shape, with the other ones for the shape, and with
 * those for all. */
void check(Selftest& test, const AnchorProblem& problem, double allowed) {
  AnchorCase c(test, problem);
  const cuda::Path before = cuda::path();
  cuda::setAnchorChunk(problem.chunk);
  if (cuda::takesHopper(test.device())) {
    cuda::setPath(cuda::Path::kUntried);
    const std::string name = nameOf(problem) + " Hopper";
    if (test.ok(name, c.place(test.device())) && takesHopper(test, *c.table)) check(test, c, name, allowed);
  }
  cuda::setPath(cuda::Path::kMma);
  check(test, c, nameOf(problem), allowed);
  cuda::setPath(cuda::Path::kGeneral);
  check(test, c, nameOf(problem) + " general", allowed);
  cuda::setPath(before), cuda::setAnchorChunk(0);
}

void refusals(Selftest& test) {
  AnchorCase c(test, {3, 2, 3, 4});
  Device& device = test.device();
  if (!test.ok("anchor-attention refusals", c.place(device))) return;
  AnchorAttentionForward call = c.forward();
  call.table = nullptr;
  test.refused("anchor-attention no table", cuda::anchorAttention(device, call), Code::kInvalidArgument);
  call = c.forward(), call.batch = -1;
  test.refused("anchor-attention shape", cuda::anchorAttention(device, call), Code::kInvalidArgument);
  call = c.forward(), call.logits = const_cast<float*>(call.x);
  test.refused("anchor-attention overlap", cuda::anchorAttention(device, call), Code::kInvalidArgument);
  const Floats anchors(24, 1);
  const int32_t counts[] = {2, 3};
  const AnchorTableSource source{2, 3, 4, anchors.data(), counts};
  std::shared_ptr<const AnchorTable> table;
  if (!test.ok("anchor-attention table of the host", AnchorTable::make(source, &table))) return;
  call = c.forward(), call.table = table.get();
  test.refused("anchor-attention the host's table", cuda::anchorAttention(device, call),
               Code::kInvalidArgument);
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
    with({129, 9, 40, 100});
    with({3, 6, 64, 300});
    with({131, 23, 30, 70, kSingle, false, 1, 1, 0, 1, 0, 150});
    with({20, 11, 64, 36, kSingle, true, 1, 1, 0.5f, 0.2f, 1, 64});
  }
  refusals(test);
}

void timeAnchorAttention(Selftest& test) {
  struct Size {
    int64_t batch, classes, width;
    const char* name;
  };
  constexpr int64_t kAnchors = 64;
  Device& device = test.device();
  for (const Size& size :
       {Size{128, 1000, 1024, "128x1000x64x1024"}, Size{1024, 1000, 512, "1024x1000x64x512"},
        Size{128, 8142, 512, "128x8142x64x512"}}) {
    Random random{test.seed()};
    const auto pseudo = [&](int64_t count, float factor) {
      Floats values(static_cast<size_t>(count));
      for (float& value : values) value = random() * factor;
      return values;
    };
    const int64_t d = size.width, rows = size.classes * kAnchors;
    const Floats anchors = pseudo(rows * d, 1);
    const std::vector<int32_t> counts(static_cast<size_t>(size.classes), kAnchors);
    const float root = 1 / std::sqrt(static_cast<float>(d));
    const int64_t pairs = size.batch * size.classes;
    Guarded x, wq, wk, ones, zeros, scale, dlogits, logits, dx, dwq, dwk, vectors[3], dscale;
    Status status = x.make(device, pseudo(size.batch * d, 1));
    const auto make = [&](Guarded& to, const auto& with) {
      if (status.ok()) status = to.make(device, with);
    };
    make(wq, pseudo(d * d, root)), make(wk, pseudo(d * d, root));
    make(ones, Floats(static_cast<size_t>(d), 1)), make(zeros, Floats(static_cast<size_t>(d), 0));
    make(scale, Floats{3}), make(dlogits, pseudo(pairs, 1)), make(logits, pairs);
    make(dx, size.batch * d), make(dwq, d * d), make(dwk, d * d), make(dscale, int64_t{1});
    for (Guarded& vector : vectors) make(vector, d);
    if (!test.ok("memory for the attention to anchors", status)) return;
    for (const Precision precision : {Precision::kBfloat16, Precision::kFloat32}) {
      std::shared_ptr<const AnchorTable> table;
      const AnchorTableSource source{size.classes, kAnchors, d, anchors.data(), counts.data(), precision};
      if (!test.ok("a table of anchors", AnchorTable::make(device, source, &table))) return;
      const AnchorAttentionInputs inputs{table.get(), size.batch,   x.data(),    wq.data(),    wk.data(),
                                         ones.data(), zeros.data(), ones.data(), scale.data(), false};
      const AnchorAttentionForward forward{inputs, logits.data()};
      const AnchorAttentionBackward backward{
          inputs,       dlogits.data(),    dx.data(),         dwq.data(),
          dwk.data(),   vectors[0].data(), vectors[1].data(), vectors[2].data(),
          dscale.data()};
      const bool half = precision == Precision::kBfloat16;
      const double flops = 4.0 * static_cast<double>(size.batch * rows) * static_cast<double>(d);
      const double bytes = static_cast<double>(rows * d) * (half ? 2 : 4);
      const char* kind = half ? "bf16" : "fp32";
      const auto time = [&](const char* way) {
        test.qualify(way);
        const double ahead = test.median(11, [&] { return cuda::anchorAttention(device, forward); });
        test.timing({"anchor-attention", size.name, kind, ahead, flops, bytes,
                     cuda::anchorAttentionWorkspace(device, *table, size.batch, false)});
        const double both = test.median(11, [&] {
          VLLTR_RETURN_IF_ERROR(cuda::anchorAttention(device, forward));
          return cuda::anchorAttention(device, backward);
        });
        // The gradient reads the table twice.
        test.timing({"anchor-attention, both", size.name, kind, both, 3 * flops, 3 * bytes,
                     cuda::anchorAttentionWorkspace(device, *table, size.batch, true)});
        test.qualify("");
      };
      if (!cuda::takesHopper(device)) {
        time("");
        continue;
      }
      const cuda::Path before = cuda::path();
      cuda::setPath(cuda::Path::kUntried), time(", Hopper");
      cuda::setPath(cuda::Path::kMma), time(", mma.sync");
      cuda::setPath(before);
    }
  }
}

}  // namespace vlltr
