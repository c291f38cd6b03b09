#include <cmath>
#include <memory>
#include <vector>

#include "cuda/anchor_attention.h"
#include "cuda/path.h"
#include "selftest/guarded.h"
#include "selftest/selftest.h"
#include "test/random.h"

namespace vlltr {

using Floats = std::vector<float>;

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
    Status status = x.make(test.target(), pseudo(size.batch * d, 1));
    const auto make = [&](Guarded& to, const auto& with) {
      if (status.ok()) status = to.make(test.target(), with);
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
