// The attention to anchors against its definition in float64 (anchor_attention_reference.h).
#include "vlltr/anchor_attention.h"

#include <cstring>
#include <thread>

#include "anchor_attention_reference.h"
#include "check.h"
#include "random.h"
#include "vlltr/isa.h"

namespace {

using Floats = std::vector<float>;
constexpr float kPoison = std::numeric_limits<float>::quiet_NaN();

struct Problem {
  size_t batch, classes, perClass, width;
  float spread = 1;  // of the images
  float offset = 0;  // of the anchors
  double logitScale = 1;
  bool detachNorm = false;
  vlltr::Precision precision = vlltr::Precision::kFloat32;
};

struct Case {
  Problem problem;
  reference::Attention wanted;
  Floats anchors, x, wq, wk, gammaQ, betaQ, gammaK, dlogits;
  float logitScale;
  std::shared_ptr<const vlltr::AnchorTable> table;
  Floats logits, kept, weights, contributions, dx, dwq, dwk, dgammaQ, dbetaQ, dgammaK;
  float dlogitScale = kPoison;

  Case(const Problem& p, uint64_t seed) : problem(p) {
    Random random{0x9E3779B97F4A7C15ull ^ (seed * 0x2545F4914F6CDD1Dull + 1)};
    const auto fill = [&](Floats& to, size_t size, float factor, float offset) {
      for (size_t i = 0; i < size; ++i) to.push_back(random() * factor + offset);
    };
    const float root = 1 / std::sqrt(static_cast<float>(p.width));
    fill(x, p.batch * p.width, p.spread, 0);
    fill(anchors, p.classes * p.perClass * p.width, 1, p.offset);
    fill(wq, p.width * p.width, root, 0), fill(wk, p.width * p.width, root, 0);
    fill(gammaQ, p.width, 0.3f, 1), fill(betaQ, p.width, 0.3f, 0), fill(gammaK, p.width, 0.3f, 1);
    fill(dlogits, p.batch * p.classes, 1, 0);
    logitScale = static_cast<float>(p.logitScale);
    std::vector<int32_t> counts;
    for (size_t c = 0; c < p.classes; ++c) {
      // Every count occurs, none and all of them too.
      const int64_t draw = random.integer(0, static_cast<int64_t>(p.perClass) + 1);
      counts.push_back(static_cast<int32_t>(std::min<int64_t>(draw, static_cast<int64_t>(p.perClass))));
    }
    const auto doubles = [](const Floats& from) { return reference::Doubles(from.begin(), from.end()); };
    wanted.batch = p.batch, wanted.classes = p.classes, wanted.perClass = p.perClass, wanted.width = p.width;
    wanted.counts = counts, wanted.anchors = doubles(anchors), wanted.x = doubles(x);
    wanted.wq = doubles(wq), wanted.wk = doubles(wk), wanted.gammaQ = doubles(gammaQ);
    wanted.betaQ = doubles(betaQ), wanted.gammaK = doubles(gammaK), wanted.betaK.assign(p.width, 0.5);
    wanted.logitScale = logitScale, wanted.detachNorm = p.detachNorm, wanted.dlogits = doubles(dlogits);
    wanted.run();
    // Padding is never read.
    for (size_t c = 0; c < p.classes; ++c) {
      for (size_t m = static_cast<size_t>(counts[c]); m < p.perClass; ++m) {
        std::fill_n(anchors.begin() + static_cast<int64_t>((c * p.perClass + m) * p.width), p.width, kPoison);
      }
    }
    CHECK_OK(
        vlltr::AnchorTable::make({static_cast<int64_t>(p.classes), static_cast<int64_t>(p.perClass),
                                  static_cast<int64_t>(p.width), anchors.data(), counts.data(), p.precision},
                                 &table));
    const size_t pairs = p.batch * p.classes;
    logits.assign(pairs, kPoison), weights.assign(pairs * p.perClass, kPoison), contributions = weights;
    dx.assign(x.size(), kPoison), dwq.assign(wq.size(), kPoison), dwk = dwq;
    dgammaQ.assign(p.width, kPoison), dbetaQ = dgammaQ, dgammaK = dgammaQ;
  }
  Case(const Case&) = delete;

  vlltr::AnchorAttentionInputs inputs() const {
    return {table.get(),  static_cast<int64_t>(problem.batch),
            x.data(),     wq.data(),
            wk.data(),    gammaQ.data(),
            betaQ.data(), gammaK.data(),
            &logitScale,  problem.detachNorm};
  }
  /** Null where nothing is kept. */
  float* keptOrNull() { return kept.empty() ? nullptr : kept.data(); }
  vlltr::AnchorAttentionForward forward() { return {inputs(), logits.data(), keptOrNull()}; }
  vlltr::AnchorAttentionBackward backward() {
    return {inputs(),       dlogits.data(), dx.data(),      dwq.data(),   dwk.data(),
            dgammaQ.data(), dbetaQ.data(),  dgammaK.data(), &dlogitScale, keptOrNull()};
  }
  void run() {
    CHECK_OK(vlltr::anchorAttention(forward()));
    CHECK_OK(vlltr::anchorAttention(backward()));
  }
};

void near(const char* what, const Case& c, const Floats& got, const reference::Doubles& expected,
          double tolerance, double largest = 0) {
  largest = std::max(largest, 1e-30);
  CHECK(got.size() == expected.size());
  for (const double value : expected) {
    if (std::isfinite(value)) largest = std::max(largest, std::abs(value));
  }
  for (size_t i = 0; i < got.size(); ++i) {
    if (std::isinf(expected[i]) && static_cast<double>(got[i]) == expected[i]) continue;
    const double error = std::abs(got[i] - expected[i]) / largest;
    if (error <= tolerance) continue;  // false for NaN
    const Problem& p = c.problem;
    std::fprintf(stderr, "%s[%zu] of B %zu, C %zu, M %zu, D %zu: %.9g, expected %.9g (error %.2g of %.2g)\n",
                 what, i, p.batch, p.classes, p.perClass, p.width, static_cast<double>(got[i]), expected[i],
                 error, largest);
    std::exit(1);
  }
}

void compare(const Problem& problem, uint64_t seed, double precision) {
  Case c(problem, seed);
  c.run();
  const reference::Attention& wanted = c.wanted;
  const double tolerance = precision * wanted.cancellation;
  near("logits", c, c.logits, wanted.logits, tolerance, wanted.logitTerms);
  // What flows through the attention is bounded by its terms; the widths are small, so D bounds the sums'
  // growth.
  const double terms = wanted.attentionTerms * std::sqrt(static_cast<double>(problem.width));
  near("dx", c, c.dx, wanted.dx, tolerance, terms);
  near("dwq", c, c.dwq, wanted.dwq, tolerance, terms);
  near("dwk", c, c.dwk, wanted.dwk, tolerance, terms);
  near("dgammaQ", c, c.dgammaQ, wanted.dgammaQ, tolerance, terms);
  near("dbetaQ", c, c.dbetaQ, wanted.dbetaQ, tolerance, terms);
  near("dgammaK", c, c.dgammaK, wanted.dgammaK, tolerance, terms);
  near("dlogitScale", c, {c.dlogitScale}, {wanted.dlogitScale}, tolerance, wanted.dlogitScaleTerms);

  const Floats before = c.logits;
  vlltr::AnchorAttentionWeights call{c.inputs(), c.logits.data(), c.weights.data(), c.contributions.data()};
  CHECK_OK(vlltr::anchorAttention(call));
  CHECK(before.empty() || std::memcmp(before.data(), c.logits.data(), before.size() * sizeof(float)) == 0);
  near("weights", c, c.weights, wanted.weights, tolerance, 1);
  near("contributions", c, c.contributions, wanted.contributions, tolerance, wanted.logitTerms);
}

/** What the forward pass keeps is what the gradient would compute: the same bits. */
void sameBitsFromKept(const Problem& problem, uint64_t seed) {
  Case anew(problem, seed), kept(problem, seed);
  const auto batch = static_cast<int64_t>(problem.batch);
  const int64_t size = vlltr::anchorAttentionKept(*kept.table, batch);
  kept.kept.assign(static_cast<size_t>(size), kPoison);
  anew.run();
  kept.run();
  const auto same = [](const Floats& a, const Floats& b) {
    CHECK(a.size() == b.size());
    CHECK(a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
  };
  for (const float each : kept.kept) CHECK(std::isfinite(each));
  same(anew.logits, kept.logits);
  same(anew.dx, kept.dx), same(anew.dwq, kept.dwq), same(anew.dwk, kept.dwk);
  same(anew.dgammaQ, kept.dgammaQ), same(anew.dbetaQ, kept.dbetaQ), same(anew.dgammaK, kept.dgammaK);
  CHECK(anew.dlogitScale == kept.dlogitScale);
}

void sameBitsFromManyCallers() {
  const Problem problem{37, 50, 9, 40};
  Case first(problem, 5);
  first.run();
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 3; ++caller) {
    callers.emplace_back([&] {
      Case again(problem, 5);
      again.run();
      CHECK(std::memcmp(again.logits.data(), first.logits.data(), first.logits.size() * sizeof(float)) == 0);
      CHECK(std::memcmp(again.dx.data(), first.dx.data(), first.dx.size() * sizeof(float)) == 0);
      CHECK(std::memcmp(again.dwk.data(), first.dwk.data(), first.dwk.size() * sizeof(float)) == 0);
      CHECK(again.dlogitScale == first.dlogitScale);
    });
  }
  for (std::thread& caller : callers) caller.join();
}

void refusals() {
  const auto refusedTable = [](vlltr::AnchorTableSource source, const char* word) {
    std::shared_ptr<const vlltr::AnchorTable> table;
    checkRefused(vlltr::AnchorTable::make(source, &table), word);
    CHECK(table == nullptr);
  };
  const Floats anchors(24, 1);
  const int32_t counts[] = {2, 3}, tooMany[] = {2, 4}, negative[] = {-1, 3};
  refusedTable({2, 3, 0, anchors.data(), counts}, "[2, 3, 0]");
  refusedTable({2, 3, 4, anchors.data(), tooMany}, "counts[1] is 4");
  refusedTable({2, 3, 4, anchors.data(), negative}, "counts[0] is -1");
  refusedTable({2, 3, 4, nullptr, counts}, "anchors is null");
  refusedTable({std::numeric_limits<int64_t>::max() / 4, 3, 4, anchors.data(), counts}, "expected [C, M, D]");

  const auto refused = [](auto change, const char* word) {
    Case c({3, 2, 3, 4}, 1);
    auto forward = c.forward();
    change(forward, c);
    checkRefused(vlltr::anchorAttention(forward), word);
  };
  using Forward = vlltr::AnchorAttentionForward;
  refused([](Forward& f, Case&) { f.table = nullptr; }, "table is null");
  refused([](Forward& f, Case&) { f.batch = -1; }, "shape");
  refused([](Forward& f, Case&) { f.x = nullptr; }, "x is null");
  refused([](Forward& f, Case& c) { f.logits = c.x.data(); }, "overlaps x");
  refused([](Forward& f, Case& c) { f.kept = c.wq.data(); }, "overlaps");
  Case c({3, 2, 3, 4}, 1);
  auto backward = c.backward();
  backward.dwk = backward.dwq;
  CHECK(vlltr::anchorAttention(backward).code() == vlltr::Code::kInvalidArgument);
}

}  // namespace

int main() {
  const vlltr::Isa isa = isaOrSkip();
  constexpr double kSingle = 2e-6, kHalf = 1e-2;
  Random random{7};
  for (uint64_t i = 0; i < 600; ++i) {
    const auto size = [&](int64_t most) { return static_cast<size_t>(random.integer(1, most)); };
    Problem p{size(9), size(7), size(6), size(20)};
    p.detachNorm = i % 2 == 1;
    p.precision = i % 5 == 4 ? vlltr::Precision::kBfloat16 : vlltr::Precision::kFloat32;
    // Two values that are nearly equal are normed to -1 and 1: what was rounded before counts many times.
    const double narrow = p.width <= 2 ? 6 : 1;
    compare(p, i, narrow * (p.precision == vlltr::Precision::kFloat32 ? kSingle : kHalf));
    sameBitsFromKept(p, i);
  }
  compare({0, 3, 4, 5}, 1, kSingle);
  compare({1, 1, 1, 1}, 2, kSingle);
  compare({130, 3, 2, 33}, 3, kSingle);  // several tiles of images
  compare({5, 70, 64, 31}, 4, kSingle);  // several blocks of classes
  compare({2, 2, 1024, 8}, 5, kSingle);  // the most anchors
  compare({3, 4, 5, 300}, 6, kSingle);   // several blocks of the depth
  compare({3, 4, 70, 300, 1, 0, 1, true, vlltr::Precision::kBfloat16}, 7, kHalf);
  compare({5, 70, 64, 31, 1, 0, 1, false, vlltr::Precision::kBfloat16}, 12, kHalf);
  sameBitsFromKept({0, 3, 4, 5}, 1);
  sameBitsFromKept({130, 30, 64, 33}, 3);
  sameBitsFromKept({130, 30, 64, 33, 1, 0, 1, false, vlltr::Precision::kBfloat16}, 3);
  compare({4, 6, 5, 16, 1e4f}, 8, kSingle);
  compare({4, 6, 5, 16, 1e-4f}, 9, kSingle);
  compare({4, 6, 5, 16, 1, 0, std::log(100.0)}, 10, 3e-5);
  compare({4, 6, 5, 16, 1, 10}, 11, 1e-4);  // anchors far from the origin
  sameBitsFromManyCallers();
  refusals();
  std::printf("anchor_attention_test: ok (%s)\n", vlltr::isaName(isa));
}
