#include "card/attention_case.h"
#include "card/calls.h"
#include "card/checks.h"
#include "card/hazards.h"

namespace vlltr::tensorflow {
namespace {

void testAttention(Session& session, const AttentionCase& c) {
  const bool half = c.precision == Precision::kBfloat16;
  const std::string name = "attention " + std::to_string(c.batch) + "x" + std::to_string(c.classes);
  AnchorAttentionForward forward{c.inputs()};
  AnchorAttentionBackward backward{c.inputs()};
  std::vector<Floats> wanted = {c.x, c.wq, c.wk, c.gammaQ, c.betaQ, c.gammaK, {0}};
  Floats logits(c.dlogits.size());
  forward.logits = logits.data(), backward.dlogits = c.dlogits.data();
  float** const gradients[] = {&backward.dx,     &backward.dwq,     &backward.dwk,        &backward.dgammaQ,
                               &backward.dbetaQ, &backward.dgammaK, &backward.dlogitScale};
  for (size_t i = 0; i < wanted.size(); ++i) *gradients[i] = wanted[i].data();
  CHECK_OK(anchorAttention(forward));
  CHECK_OK(anchorAttention(backward));
  const int64_t all = anchorAttentionKept(*c.table, c.batch);
  for (const Way way : kWays) {
    for (const int64_t kept : {int64_t{0}, all}) {
      std::vector<Floats> got, gradient;
      CHECK_OK(runAttention(session, way, c.number, c.inputs(), c.counts, kept, &got));
      settled();
      near(name + ", logits", got[0], logits, half ? 5e-3 : 2e-5);
      CHECK(static_cast<int64_t>(got[1].size()) == kept);
      CHECK_OK(runAttentionGrad(session, way, c.number, c.inputs(), c.counts, got[1], c.dlogits, &gradient));
      settled();
      for (size_t i = 0; i < wanted.size(); ++i) {
        near(name + ", gradient " + std::to_string(i), gradient[i], wanted[i], half ? 3e-2 : 1e-4, 1e-5);
      }
    }
  }
}

}  // namespace

void testAttention(Session& session) {
  testAttention(session, {1, 1, 1, 3, Precision::kFloat32});
  testAttention(session, {5, 7, 3, 33, Precision::kFloat32});
  testAttention(session, {9, 5, 4, 20, Precision::kFloat32, true});
  testAttention(session, {65, 9, 17, 64, Precision::kBfloat16});
  testAttention(session, {0, 4, 2, 8, Precision::kFloat32});

  // Tables that lie elsewhere, and none.
  const AttentionCase c(5, 7, 3, 33, Precision::kFloat32);
  std::vector<Floats> outputs;
  const int32_t onHost = addAnchorTable(c.table), onOther = c.addOn(1);
  const WithoutHazards safe;
  for (const Way way : kWays) {
    const auto with = [&](int32_t table) {
      return runAttention(session, way, table, c.inputs(), c.counts, 0, &outputs);
    };
    refused(with(onHost), "the table is in the host's memory, expected one on card 0 (the emulator)");
    refused(with(onOther), "the table is on card 1 (the emulator), expected one on card 0");
    refused(with(onOther + 100), "there is no anchor table");
  }
  CHECK(removeAnchorTable(onHost) && removeAnchorTable(onOther));
}

}  // namespace vlltr::tensorflow
