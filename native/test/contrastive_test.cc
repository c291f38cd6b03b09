// The class-wise contrastive loss against its definition in float64 (contrastive_reference.h).
#include <thread>

#include "contrastive_case.h"
#include "vlltr/isa.h"

namespace {

void near(const char* what, const Case& c, const Floats& got, const reference::Doubles& expected,
          double tolerance) {
  CHECK(got.size() == expected.size());
  for (size_t i = 0; i < got.size(); ++i) {
    const double error = std::abs(got[i] - expected[i]);
    if (error <= tolerance) continue;  // false for NaN
    const Problem& p = c.problem;
    std::fprintf(stderr, "%s[%zu] of N %zu, D %zu and %zu: %.9g, expected %.9g (error %.2g of %.2g)\n", what,
                 i, p.pairs, p.width, p.teacherWidth, static_cast<double>(got[i]), expected[i], error,
                 tolerance);
    std::exit(1);
  }
}

/** What float32 leaves of similarities, relative to the largest that the scale allows. */
double rounding(const Problem& p) {
  const double largest = std::exp(std::max(p.logitScale, 1.5f));
  return 3e-7 * largest * std::max(1.0, std::sqrt(static_cast<double>(p.width + p.teacherWidth)) / 8);
}

void compareGradient(const Case& c) {
  // dS is off by its similarities' rounding, and by bfloat16's.
  const Problem& p = c.problem;
  const double half = p.precision == vlltr::Precision::kBfloat16 ? 4e-3 : 0, similarity = rounding(p) + 1e-6;
  const double most = c.wanted.terms * std::exp(p.logitScale);
  near("dimage", c, c.dimage, c.wanted.dimage, (similarity + half) * most * p.norm);
  near("dtext", c, c.dtext, c.wanted.dtext, (similarity + half) * most * p.norm);
  near("dlogitScale", c, {c.dlogitScale}, {c.wanted.dlogitScale},
       similarity * most * static_cast<double>(p.pairs) * p.norm * p.norm);
}

void compareStatistics(const Case& c, const Statistics& got, const reference::Statistics& wanted) {
  const double tolerance = rounding(c.problem);
  near("lse", c, got.part(0), wanted.lse, 2 * tolerance);
  near("teacherLse", c, got.part(1), wanted.teacherLse, 2 * tolerance);
  const double largest =
      static_cast<double>(std::exp(c.problem.logitScale) * c.problem.norm * c.problem.norm);
  near("teacherMean", c, got.part(2), wanted.teacherMean, 2 * tolerance * (1 + largest));
}

void compare(const Problem& problem, uint64_t seed) {
  Case c(problem, seed);
  c.run();
  compareStatistics(c, c.rows, c.wanted.rows);
  compareStatistics(c, c.columns, c.wanted.columns);
  near("losses", c, c.losses, {c.wanted.loss, c.wanted.contrastive, c.wanted.distillation},
       6 * rounding(problem) * (problem.teacherWidth > 0 ? 1 + std::exp(problem.logitScale) : 1.f));
  compareGradient(c);

  // Kept similarities are the ones that are computed again.
  Case again(problem, seed);
  again.keep();
  again.run();
  CHECK(again.losses == c.losses && again.dimage == c.dimage && again.dtext == c.dtext);
  CHECK(again.dlogitScale == c.dlogitScale);
}

/** Strips of rows, each by itself: merged statistics and summed gradients are those of the whole. */
void compareStrips(const Problem& problem, uint64_t seed, size_t strips) {
  Case c(problem, seed);
  const size_t n = problem.pairs, d = problem.width;
  std::vector<float> targetSums(strips, kPoison);
  Statistics merged(n), all(n);
  const auto strip = [&](size_t s) {
    return std::pair(s * n / strips, (s + 1) * n / strips - s * n / strips);
  };
  const auto rowsOf = [&](size_t first) {
    const vlltr::ContrastiveStatistics view = all.view();
    return vlltr::ContrastiveStatistics{view.lse + first, view.teacherLse + first, view.teacherMean + first};
  };
  for (size_t s = 0; s < strips; ++s) {
    const auto [first, count] = strip(s);
    Statistics columns(n);
    const vlltr::ContrastiveForward call{c.inputs(first, count), rowsOf(first), columns.view(),
                                         &targetSums[s]};
    CHECK_OK(vlltr::contrastive(call));
    if (s == 0) {
      merged.memory = columns.memory;
    } else {
      CHECK_OK(vlltr::mergeContrastive(static_cast<int64_t>(n), columns.view(), merged.view()));
    }
  }
  if (problem.teacherWidth > 0) compareStatistics(c, merged, c.wanted.columns);
  c.rows.memory = all.memory, c.columns.memory = merged.memory, c.targetSum = 0;
  for (const float sum : targetSums) c.targetSum += sum;
  CHECK_OK(vlltr::contrastive(c.sum()));
  near("losses", c, c.losses, {c.wanted.loss, c.wanted.contrastive, c.wanted.distillation},
       10 * rounding(problem) * (problem.teacherWidth > 0 ? 1 + std::exp(problem.logitScale) : 1.f));

  Floats dtext(c.dtext.size(), 0);
  float dscale = 0;
  for (size_t s = 0; s < strips; ++s) {
    const auto [first, count] = strip(s);
    const vlltr::ContrastiveBackward call{
        c.inputs(first, count),      rowsOf(first),  merged.view(), nullptr, &c.dloss,
        c.dimage.data() + first * d, c.dtext.data(), &c.dlogitScale};
    CHECK_OK(vlltr::contrastive(call));
    for (size_t i = 0; i < dtext.size(); ++i) dtext[i] += c.dtext[i];
    dscale += c.dlogitScale;
  }
  c.dtext = dtext, c.dlogitScale = dscale;
  compareGradient(c);
}

void sameBitsFromManyCallers() {
  const Problem problem{530, 40, 24, 3, 0.1f, 0.5f};
  Case first(problem, 5);
  first.run();
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 3; ++caller) {
    callers.emplace_back([&] {
      Case again(problem, 5);
      again.run();
      CHECK(again.losses == first.losses && again.dimage == first.dimage && again.dtext == first.dtext);
      CHECK(again.dlogitScale == first.dlogitScale);
    });
  }
  for (std::thread& caller : callers) caller.join();
}

/** Rows and columns far apart, so that one exponential does not serve both. */
void farApart() {
  for (const float spread : {20.f, 90.f, 400.f}) {
    Case c({40, 1, 1, 0, 0.1f, 0.5f}, 3);
    for (size_t i = 0; i < 40; ++i) {
      const float x = static_cast<float>(i) / 40 * spread;
      c.image[i] = c.teacherImage[i] = x, c.text[i] = c.teacherText[i] = i % 3 == 0 ? 1 : -1;
    }
    c.teacherLogitScale = 0;
    reference::Contrastive& w = c.wanted;
    const auto doubles = [](const Floats& from) { return reference::Doubles(from.begin(), from.end()); };
    const std::vector<int32_t> labels = w.labels;
    w = {};
    w.pairs = 40, w.width = w.teacherWidth = 1, w.labels = labels;
    w.image = doubles(c.image), w.text = doubles(c.text);
    w.teacherImage = doubles(c.teacherImage), w.teacherText = doubles(c.teacherText);
    w.smoothing = 0.1f, w.distillWeight = 0.5f, w.dloss = c.dloss;
    w.run();
    c.run();
    const double precision = 1e-6 * spread;
    near("lse", c, c.rows.part(0), w.rows.lse, precision);
    near("lse", c, c.columns.part(0), w.columns.lse, precision);
    near("teacherMean", c, c.rows.part(2), w.rows.teacherMean, precision);
    near("teacherMean", c, c.columns.part(2), w.columns.teacherMean, precision);
    near("dimage", c, c.dimage, w.dimage, precision);
    near("dtext", c, c.dtext, w.dtext, precision * spread);
  }
}

void refusals() {
  const auto refused = [](auto change, const char* word) {
    Case c({3, 4, 2, 1, 0, 0.5f}, 1);
    auto forward = c.forward();
    change(forward, c);
    checkRefused(vlltr::contrastive(forward), word);
  };
  using Forward = vlltr::ContrastiveForward;
  refused([](Forward& f, Case&) { f.rows = 0; }, "rows and columns are 0 and 3");
  refused([](Forward& f, Case&) { f.columns = int64_t{1} << 40; }, "expected 1 to");
  refused([](Forward& f, Case&) { f.student.width = 0; }, "widths");
  refused([](Forward& f, Case&) { f.teacher.width = -1; }, "widths");
  refused([](Forward& f, Case&) { f.student.width = std::numeric_limits<int64_t>::max() / 2; }, "shape");
  refused([](Forward& f, Case&) { f.smoothing = 1.5f; }, "smoothing is 1.5");
  refused([](Forward& f, Case&) { f.smoothing = kPoison; }, "smoothing");
  refused([](Forward& f, Case&) { f.distillWeight = -0.5f; }, "distillWeight is -0.5");
  refused([](Forward& f, Case&) { f.teacher = {}; }, "without a teacher");
  refused([](Forward& f, Case&) { f.student.text = nullptr; }, "text is null");
  refused([](Forward& f, Case&) { f.teacher.image = nullptr; }, "teacher's image is null");
  refused([](Forward& f, Case& c) { f.rowStatistics.lse = c.image.data(); }, "overlaps image");
  refused([](Forward& f, Case&) { f.rowStatistics.lse = f.columnStatistics.lse; },
          "overlaps the columns' lse");
  const int32_t others[] = {-1, -1, -1};
  refused([&](Forward& f, Case&) { f.rowLabels = others; }, "rowLabels[0] is -1");

  Case c({3, 4, 2, 1, 0, 0.5f}, 1);
  auto backward = c.backward();
  backward.dtext = backward.dimage;
  checkRefused(vlltr::contrastive(backward), "overlaps");
  auto sum = c.sum();
  sum.columns = 0;
  checkRefused(vlltr::contrastive(sum), "0 lines");
  checkRefused(vlltr::mergeContrastive(3, c.rows.view(), c.rows.view()), "overlaps");
}

}  // namespace

int main() {
  const vlltr::Isa isa = isaOrSkip();
  using vlltr::Precision;
  Random random{7};
  for (uint64_t i = 0; i < 3000; ++i) {
    const auto size = [&](int64_t most) { return static_cast<size_t>(random.integer(1, most)); };
    Problem p{size(23), size(20)};
    p.teacherWidth = i % 3 == 0 ? 0 : size(15);
    p.logitScale = i % 4 == 0 ? kLog100 : static_cast<float>(random.integer(-4, 9)) / 2;
    p.smoothing = i % 2 == 0 ? 0 : 0.1f;
    p.distillWeight = p.teacherWidth == 0 ? 0 : static_cast<float>(random.integer(0, 4)) / 4;
    p.labels = static_cast<Labels>(random.integer(0, 2));
    p.noise = i % 5 == 0 ? 0.05f : 100;
    p.norm = i % 7 == 0 ? 1e-6f : 1;
    p.precision = i % 6 == 5 ? Precision::kBfloat16 : Precision::kFloat32;
    compare(p, i);
    if (p.pairs > 3 && p.precision == Precision::kFloat32) compareStrips(p, i, size(3) + 1);
  }
  compare({1, 1}, 1);
  compare({1, 5, 3, kLog100, 0.1f, 0.5f}, 2);
  compare({260, 33, 17, kLog100, 0.1f, 0.5f}, 3);                       // several tiles
  compare({500, 300, 20, 2, 0.1f, 0.5f, Labels::kUnique, 0.05f}, 4);    // several blocks of the depth
  compare({1100, 7, 5, kLog100, 0.1f, 0.3f, Labels::kDrawn, 0.1f}, 5);  // several groups of rows
  compare({241, 450, 0, kLog100, 0, 0, Labels::kUnique, 0.01f}, 6);     // converged
  compare({600, 70, 40, kLog100, 0.1f, 0.5f, Labels::kDrawn, 100, 1, Precision::kBfloat16}, 7);
  compare({300, 257, 0, kLog100, 0, 0, Labels::kUnique, 0.02f, 1, Precision::kBfloat16}, 8);
  compareStrips({1000, 9, 4, kLog100, 0.1f, 0.5f}, 9, 3);
  farApart();
  sameBitsFromManyCallers();
  refusals();
  std::printf("contrastive_test: ok (%s)\n", vlltr::isaName(isa));
}
