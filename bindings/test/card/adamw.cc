#include "card/adamw_case.h"
#include "card/calls.h"
#include "card/checks.h"
#include "card/hazards.h"
#include "check.h"

namespace vlltr::tensorflow {

void testAdamw(Session& session) {
  std::vector<int64_t> many;
  for (int64_t i = 0; i < 400; ++i) many.push_back(i % 11);
  const std::vector<int64_t> sizes[] = {{}, {1}, {0, 3, 8192, 5, 0, 17'001, 1}, {8191, 1, 2}, many};
  for (const std::vector<int64_t>& lengths : sizes) {
    for (const double clipNorm : {static_cast<double>(INFINITY), 0.5, 1e6}) {
      AdamwCase c(lengths, clipNorm, lengths.size() + 1);
      CHECK_OK(adamw(c.call));
      for (const Way way : kWays) {
        std::vector<Floats> outputs;
        CHECK_OK(runAdamw(session, way, c.call, &outputs));
        settled();
        const std::string name = "adamw of " + std::to_string(lengths.size());
        near(name + ", params", outputs[0], c.newParams, 1e-6);
        near(name + ", m", outputs[1], c.newM, 1e-6);
        near(name + ", v", outputs[2], c.newV, 1e-6);
        near(name + ", norm", outputs[3], {c.norm}, 1e-6);
      }
    }
  }
  AdamwCase c({3}, 1, 5);
  c.call.step = 0;
  std::vector<Floats> outputs;
  const WithoutHazards safe;
  refused(runAdamw(session, Way::kByItself, c.call, &outputs), "step is 0");
}

}  // namespace vlltr::tensorflow
