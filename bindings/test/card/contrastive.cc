#include "card/calls.h"
#include "card/checks.h"
#include "card/hazards.h"
#include "contrastive_case.h"

namespace vlltr::tensorflow {
namespace {

void testContrastive(Session& session, const Problem& problem, uint64_t seed) {
  Case c(problem, seed);
  c.run();
  const auto n = static_cast<int64_t>(problem.pairs);
  const int64_t all = n * n * (problem.teacherWidth > 0 ? 2 : 1);
  const bool half = problem.precision == Precision::kBfloat16;
  const double scale = std::exp(static_cast<double>(std::max(problem.logitScale, c.teacherLogitScale)));
  const double s = scale * 3e-5, gradient = half ? 1e-2 : 1e-4;
  const std::string name = "contrastive " + std::to_string(n) + "x" + std::to_string(problem.width);
  for (const Way way : kWays) {
    for (const int64_t kept : {int64_t{0}, all}) {
      std::vector<Floats> forward, backward;
      CHECK_OK(runContrastive(session, way, c.inputs(), kept, &forward));
      settled();
      near(name + ", losses", forward[0], c.losses, 0, s);
      for (size_t part = 0; part < (problem.teacherWidth > 0 ? 3u : 1u); ++part) {
        const auto at = static_cast<int64_t>(part) * n;
        const auto lines = [&](const Floats& from) {
          return Floats(from.begin() + at, from.begin() + at + n);
        };
        near(name + ", rows", lines(forward[1]), lines(c.rows.memory), 0, s * (part == 2 ? scale : 1));
        near(name + ", columns", lines(forward[2]), lines(c.columns.memory), 0, s * (part == 2 ? scale : 1));
      }
      CHECK(static_cast<int64_t>(forward[3].size()) == kept);
      CHECK_OK(runContrastiveGrad(session, way, c.inputs(), c.dloss, forward, &backward));
      settled();
      const double one = scale / static_cast<double>(n);
      near(name + ", dimage", backward[0], c.dimage, gradient, 1e-4 * one);
      near(name + ", dtext", backward[1], c.dtext, gradient, 1e-4 * one);
      near(name + ", dlogitScale", backward[2], {c.dlogitScale}, gradient, 1e-3 * scale);
    }
  }
}

}  // namespace

void testContrastive(Session& session) {
  Problem one{1, 3};
  testContrastive(session, one, 1);
  Problem plain{37, 65};
  testContrastive(session, plain, 2);
  Problem taught{67, 33, 129, 2, 0.1f, 0.4f};
  testContrastive(session, taught, 3);
  taught.precision = Precision::kBfloat16;
  testContrastive(session, taught, 4);
  Problem extreme{130, 7, 5, kLog100, 0.2f, 0.5f, Labels::kEqual};
  testContrastive(session, extreme, 5);

  // Room for another number of similarities, and a constant out of its range.
  Case c(plain, 6);
  std::vector<Floats> outputs;
  const WithoutHazards safe;
  refused(runContrastive(session, Way::kByItself, c.inputs(), 5, &outputs),
          "5 similarities, expected 0 or 1369");
  ContrastiveInputs smooth = c.inputs();
  smooth.smoothing = 2;
  refused(runContrastive(session, Way::kByItself, smooth, 0, &outputs), "smoothing is 2");
}

}  // namespace vlltr::tensorflow
