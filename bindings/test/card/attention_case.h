#pragma once

#include <cmath>
#include <memory>

#include "anchor_tables.h"
#include "card/session.h"
#include "check.h"
#include "devices.h"
#include "random.h"
#include "vlltr/anchor_attention.h"

namespace vlltr::tensorflow {

/** A drawn head with its table, on the processor and on the card. */
struct AttentionCase {
  int64_t batch, classes, perClass, width;
  Precision precision;
  bool detachNorm;
  std::vector<int32_t> counts;
  Floats anchors, x, wq, wk, gammaQ, betaQ, gammaK, dlogits;
  float logitScale = 1;
  std::shared_ptr<const AnchorTable> table;
  int32_t number = 0;  // of the table on the card

  AttentionCase(int64_t b, int64_t c, int64_t m, int64_t d, Precision p, bool detach = false)
      : batch(b), classes(c), perClass(m), width(d), precision(p), detachNorm(detach) {
    Random random{static_cast<uint64_t>(b * 1'000'003 + c * 1009 + m * 31 + d)};
    const auto fill = [&](Floats& to, int64_t size, float factor, float offset) {
      for (int64_t i = 0; i < size; ++i) to.push_back(random() * factor + offset);
    };
    const float root = 1 / std::sqrt(static_cast<float>(d));
    fill(anchors, c * m * d, 1, 0.5f), fill(x, b * d, 1, 0), fill(wq, d * d, root, 0);
    fill(wk, d * d, root, 0);
    fill(gammaQ, d, 0.3f, 1), fill(betaQ, d, 0.3f, 0), fill(gammaK, d, 0.3f, 1), fill(dlogits, b * c, 1, 0);
    for (int64_t i = 0; i < c; ++i) counts.push_back(static_cast<int32_t>(random.integer(0, m)));
    CHECK_OK(AnchorTable::make(source(), &table));
    number = addOn(0);
  }
  ~AttentionCase() { CHECK(removeAnchorTable(number)); }
  AttentionCase(const AttentionCase&) = delete;

  AnchorTableSource source() const {
    return {classes, perClass, width, anchors.data(), counts.data(), precision};
  }
  int32_t addOn(int card) const {
    std::shared_ptr<Device> device;
    std::shared_ptr<const AnchorTable> made;
    CHECK_OK(sharedDevice(card, &device));
    CHECK_OK(AnchorTable::make(*device, source(), &made));
    return addAnchorTable(std::move(made));
  }
  AnchorAttentionInputs inputs() const {
    return {table.get(),   batch,        x.data(),      wq.data(),   wk.data(),
            gammaQ.data(), betaQ.data(), gammaK.data(), &logitScale, detachNorm};
  }
};

}  // namespace vlltr::tensorflow
