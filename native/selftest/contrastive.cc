#include "vlltr/contrastive.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "selftest/contrastive_run.h"
#include "selftest/selftest.h"

namespace vlltr {
namespace {

/** What S may be wrong by: products are rounded a little at each step of the depth, and three of bfloat16
 * leave out up to 3 * 2^-16 of each, which is less in all the more there are. */
double similarityError(const ContrastiveProblem& p) {
  const bool split = p.precision == Precision::kFloat32, taught = p.teacherWidth > 0;
  const auto width = static_cast<double>(std::max(p.width, p.teacherWidth));
  const auto narrow = static_cast<double>(taught ? std::min(p.width, p.teacherWidth) : p.width);
  return std::max(p.scale, taught ? p.teacherScale : 0.0) *
         ((split ? std::max(1e-5, 0x3p-16 / std::sqrt(narrow)) : 2e-6) + (split ? 2e-8 : 1e-8) * width);
}

double mostDifferent(const std::vector<float>& a, const std::vector<double>& b) {
  double most = a.size() == b.size() ? 0 : INFINITY;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    const double error = std::abs(a[i] - b[i]);
    most = std::max(most, error <= 1e300 ? error : INFINITY);
  }
  return most;
}

/** Errors of gradients: the rounding of dS, which does not cancel where the products do (`terms`: the sum of
 * their magnitudes), and what dS is wrong by where a softmax is 1. */
double gradientAllowed(const ContrastiveProblem& p, const ContrastiveData& data, double terms,
                       const std::vector<float>& features) {
  double feature = 0;
  for (const float f : features) feature = std::max(feature, std::abs(double{f}));
  const double one = p.scale * data.dloss / (2.0 * static_cast<double>(p.size)) * feature;
  return (p.precision == Precision::kBfloat16 ? 0x1.08p-8 : 1e-5) * terms + (similarityError(p) + 3e-7) * one;
}

void compare(Selftest& test, const std::string& what, const ContrastiveProblem& p,
             const ContrastiveData& data, const reference::Contrastive& expected,
             const ContrastiveResults& got) {
  const double s = similarityError(p) + 3e-6;
  const char* sides[] = {" of rows", " of columns"};
  const reference::Statistics* lines[] = {&expected.rows, &expected.columns};
  for (int side = 0; side < 2; ++side) {
    test.expect(what + ", lse" + sides[side], mostDifferent(got.statistics[side][0], lines[side]->lse), s);
    test.expect(what + ", teacher's lse" + sides[side],
                mostDifferent(got.statistics[side][1], lines[side]->teacherLse), s);
    // The mean moves with the teacher's probabilities too, over all the range of S.
    test.expect(what + ", teacher's mean" + sides[side],
                mostDifferent(got.statistics[side][2], lines[side]->teacherMean),
                s * (1 + p.scale * (p.teacherWidth > 0)));
  }
  const double targetSum = std::accumulate(expected.targetSums.begin(), expected.targetSums.end(), 0.0);
  test.expect(what + ", targets", std::abs(got.targetSum[0] - targetSum) / static_cast<double>(p.size), s);
  const double losses[] = {expected.loss, expected.contrastive, expected.distillation};
  for (size_t i = 0; i < 3; ++i) {
    test.expect(what + ", loss " + std::to_string(i), std::abs(got.losses[i] - losses[i]), 2 * s);
  }
  test.expect(what + ", dimage", mostDifferent(got.dimage, expected.dimage),
              gradientAllowed(p, data, expected.dimageTerms, data.text));
  test.expect(what + ", dtext", mostDifferent(got.dtext, expected.dtext),
              gradientAllowed(p, data, expected.dtextTerms, data.image));
  double products = 0;  // sum |dS S|
  for (size_t i = 0; i < expected.slope.size(); ++i) {
    products += std::abs(expected.slope[i] * expected.similarity[i]);
  }
  // Of few pairs, errors of similarities do not cancel each other.
  test.expect(what + ", dlogitScale", std::abs(got.dlogitScale[0] - expected.dlogitScale),
              2 * s * (products + p.scale * data.dloss / static_cast<double>(p.size)));
}

std::string name(const ContrastiveProblem& p) {
  return "contrastive " + std::to_string(p.size) + "x" + std::to_string(p.width) +
         (p.teacherWidth > 0 ? ", teacher of " + std::to_string(p.teacherWidth) : "") +
         (p.precision == Precision::kFloat32 ? ", fp32" : ", bf16");
}

struct Way {
  std::string what;
  bool keep = false;
  int64_t offset = 0;
  std::vector<int64_t> strips{};
};

/** Against the reference, and twice the same bits. */
void check(Selftest& test, ContrastiveProblem problem, const std::string& what,
           const std::vector<Way>& ways = {{}}) {
  if (test.small() && problem.size * (problem.width + problem.teacherWidth) > 50'000) return;
  for (const Precision precision : {Precision::kFloat32, Precision::kBfloat16}) {
    problem.precision = precision;
    const ContrastiveData data(problem, test.seed());
    const reference::Contrastive expected = contrastiveReference(problem, data);
    for (const Way& way : ways) {
      const std::string full = name(problem) + ", " + what + way.what;
      ContrastiveRun run;
      run.keep = way.keep, run.offset = way.offset, run.strips = way.strips;
      ContrastiveResults first, second;
      if (!test.ok(full, run.place(test.target(), problem, data)) || !test.ok(full, run.run(&first)))
        continue;
      compare(test, full, problem, data, expected, first);
      if (test.small()) continue;
      if (test.ok(full + " again", run.run(&second)))
        test.expect(full + ", bits that change", first != second, 0);
    }
  }
}

/** Of a size with many blocks: some rows and columns, from what was found of the lines across. */
void spotCheck(Selftest& test, const ContrastiveProblem& p) {
  const std::string what = name(p) + ", sampled";
  const ContrastiveData data(p, test.seed());
  ContrastiveRun run;
  ContrastiveResults got;
  if (!test.ok(what, run.place(test.target(), p, data)) || !test.ok(what, run.run(&got))) return;
  const auto n = static_cast<size_t>(p.size), width = static_cast<size_t>(p.width);
  const std::vector<double> features[2] = {asFactors(data.image, p.precision),
                                           asFactors(data.text, p.precision)};
  const std::vector<double> taught[2] = {asFactors(data.teacherImage, p.precision),
                                         asFactors(data.teacherText, p.precision)};
  const double scale = std::exp(double{data.logitScale}),
               teacherScale = std::exp(double{data.teacherLogitScale});
  const double factor = data.dloss / (2.0 * static_cast<double>(n)) * scale;
  double worst[3] = {}, gradient = 0, allowed = 1;  // of the line that comes nearest to its bound
  for (int sample = 0; sample < 24; ++sample) {
    const int side = sample % 2;
    const size_t line = sample < 2 ? n - 1 : test.seed() % n;
    const auto along = [&](const std::vector<double>(&f)[2], size_t w, double by) {
      const auto at = f[side].begin() + static_cast<int64_t>(line * w);
      return reference::similarities({at, at + static_cast<int64_t>(w)}, f[1 - side], w, by);
    };
    const std::vector<double> s = along(features, width, scale);
    const std::vector<double> t = along(taught, static_cast<size_t>(p.teacherWidth), teacherScale);
    double sums[3] = {};
    for (size_t j = 0; j < n; ++j) {
      sums[0] += std::exp(s[j]), sums[1] += std::exp(t[j]), sums[2] += std::exp(t[j]) * s[j];
    }
    const double expected[3] = {std::log(sums[0]), std::log(sums[1]), sums[2] / sums[1]};
    for (size_t v = 0; v < 3; ++v) {
      worst[v] = std::max(worst[v], std::abs(got.statistics[side][v][line] - expected[v]));
    }
    std::vector<double> d(width, 0), terms(width, 0);
    const auto same =
        static_cast<double>(std::count(data.labels.begin(), data.labels.end(), data.labels[line]));
    for (size_t j = 0; j < n; ++j) {
      const double target = (1.0 - p.smoothing) * (data.labels[j] == data.labels[line]) / same +
                            double{p.smoothing} / static_cast<double>(n);
      const double x =
          std::exp(s[j] - expected[0]) + std::exp(s[j] - got.statistics[1 - side][0][j]) -
          2 * (1.0 - p.distillWeight) * target -
          p.distillWeight * (std::exp(t[j] - expected[1]) + std::exp(t[j] - got.statistics[1 - side][1][j]));
      for (size_t k = 0; k < width; ++k) {
        const double product = factor * x * features[1 - side][j * width + k];
        d[k] += product, terms[k] += std::abs(product);
      }
    }
    const std::vector<float>& all = side == 0 ? got.dimage : got.dtext;
    const auto at = all.begin() + static_cast<int64_t>(line * width);
    const double error = mostDifferent({at, at + static_cast<int64_t>(width)}, d);
    const double bound = gradientAllowed(p, data, *std::max_element(terms.begin(), terms.end()),
                                         side == 0 ? data.text : data.image);
    if (error / bound >= gradient / allowed) gradient = error, allowed = bound;
  }
  const double error = similarityError(p) + 3e-6;
  test.expect(what + ", lse", worst[0], error);
  test.expect(what + ", teacher's lse", worst[1], error);
  test.expect(what + ", teacher's mean", worst[2], error * (1 + p.scale));
  test.expect(what + ", gradients", gradient, allowed);
}

/** A strip of the first rows of a wide matrix, as one of many ranks has it: what depends on labels across it.
 */
void checkStrip(Selftest& test, const ContrastiveProblem& p, int64_t rows) {
  const std::string what = name(p) + ", a strip of " + std::to_string(rows);
  const ContrastiveData data(p, test.seed());
  ContrastiveRun run;
  run.strips = {rows};
  ContrastiveResults got;
  if (!test.ok(what, run.place(test.target(), p, data)) || !test.ok(what, run.run(&got))) return;
  std::vector<double> image = asFactors(data.image, p.precision);
  image.resize(static_cast<size_t>(rows * p.width));
  const std::vector<double> s =
      reference::similarities(image, asFactors(data.text, p.precision), static_cast<size_t>(p.width),
                              std::exp(double{data.logitScale}));
  const std::vector<int32_t>& labels = data.labels;
  const size_t n = labels.size();
  double worst = 0, targets = 0;
  for (size_t i = 0; i < static_cast<size_t>(rows); ++i) {
    const auto same = static_cast<double>(std::count(labels.begin(), labels.end(), labels[i]));
    double sum = 0;
    for (size_t j = 0; j < n; ++j) {
      sum += std::exp(s[i * n + j]);
      targets += ((1.0 - p.smoothing) * (labels[i] == labels[j]) / same +
                  double{p.smoothing} / static_cast<double>(n)) *
                 s[i * n + j];
    }
    worst = std::max(worst, std::abs(got.statistics[0][0][i] - std::log(sum)));
  }
  const double error = similarityError(p) + 3e-6;
  test.expect(what + ", lse", worst, error);
  test.expect(what + ", targets", std::abs(got.targetSum[0] - targets) / static_cast<double>(rows), error);
}

/** What no card has memory for. */
void exhaust(Selftest& test) {
  ContrastiveForward forward;
  ContrastiveBackward backward;
  for (ContrastiveInputs* call :
       {static_cast<ContrastiveInputs*>(&forward), static_cast<ContrastiveInputs*>(&backward)}) {
    call->rows = 128, call->columns = int64_t{1} << 40, call->student.width = int64_t{1} << 14;
  }
  test.refused("contrastive forward, no memory", test.target().contrastive(forward),
               Code::kResourceExhausted);
  test.refused("contrastive backward, no memory", test.target().contrastive(backward),
               Code::kResourceExhausted);
}

}  // namespace

void checkContrastive(Selftest& test) {
  ContrastiveProblem taught;
  taught.smoothing = 0.1f, taught.distillWeight = 0.5f;
  const auto of = [&](int64_t size, int64_t width, int64_t teacherWidth, int64_t classes) {
    ContrastiveProblem p = taught;
    p.size = size, p.width = width, p.teacherWidth = teacherWidth, p.classes = classes;
    if (teacherWidth == 0) p.distillWeight = 0;
    return p;
  };
  check(test, of(1, 1, 0, 1), "one pair");
  check(test, of(2, 7, 3, 1), "a pair of pairs");
  check(test, of(3, 1024, 1, 0), "few and wide");
  check(test, of(63, 64, 512, 5), "within a tile",
        {{}, {", kept", true}, {", by strips", false, 0, {1, 40, 22}}});
  check(test, of(65, 100, 7, 65), "within a tile, off alignment", {{"", false, 1}, {", kept", true, 3}});
  check(test, of(129, 7, 0, 0), "one more than a tile, unique labels", {{}, {", kept", true}});
  check(test, of(256, 64, 64, 16), "whole tiles",
        {{}, {", kept", true}, {", by strips", false, 0, {128, 128}}});
  check(test, of(300, 512, 64, 40), "ragged",
        {{},
         {", kept", true},
         {", by strips", false, 1, {100, 7, 193}},
         {", kept by strips", true, 0, {129, 171}}});
  check(test, of(257, 1024, 512, 1), "one class");
  ContrastiveProblem plain = of(300, 100, 0, 30);
  plain.smoothing = 0;
  check(test, plain, "neither smoothing nor teacher");
  ContrastiveProblem hot = of(384, 64, 64, 30);
  hot.scale = 100, hot.teacherScale = 100;
  check(test, hot, "scale 100");
  hot.converged = true;
  check(test, hot, "scale 100, converged", {{}, {", kept", true}});
  hot.scale = 400;
  check(test, hot, "exponents that range too far for one maximum a tile");
  check(test, of(1000, 96, 48, 100), "many tiles");
  // More than twice the labels that a block looks at together (contrastive_prepare.cu).
  checkStrip(test, of(8197, 5, 0, 900), 40);
  for (const Precision precision : {Precision::kFloat32, Precision::kBfloat16}) {
    if (test.small()) break;
    ContrastiveProblem large = of(4096, 512, 512, 500);
    large.precision = precision;
    spotCheck(test, large);
    large = of(9001, 64, 32, 1000);
    large.precision = precision;
    spotCheck(test, large);
  }
  if (test.target().card() != nullptr) exhaust(test);
  check(test, of(130, 40, 24, 9), "after a refusal");
}

}  // namespace vlltr
