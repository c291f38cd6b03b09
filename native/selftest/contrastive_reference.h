#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "cuda/bfloat16.h"
#include "test/random.h"
#include "vlltr/precision.h"

/** The contrastive op in float64, straight from its definition in vlltr/contrastive.h. */
namespace vlltr {

struct ContrastiveProblem {
  int64_t size = 1;  // images and texts
  int64_t width = 1, teacherWidth = 0;
  int64_t classes = 1;  // 0: every text has a class of its own
  double scale = 14.3, teacherScale = 20;
  float smoothing = 0, distillWeight = 0;
  bool converged = false;  // the features of a class are nearly the same
  Precision precision = Precision::kFloat32;
};

/** Features and labels, drawn anew. */
struct ContrastiveData {
  std::vector<float> image, text, teacherImage, teacherText;
  std::vector<int32_t> labels;
  float logitScale, teacherLogitScale, dloss;

  ContrastiveData(const ContrastiveProblem& p, uint64_t seed) {
    Random random{seed};
    for (int64_t i = 0; i < p.size; ++i) {
      // Labels may be any numbers.
      labels.push_back(
          static_cast<int32_t>((p.classes == 0 ? i : random.integer(0, p.classes - 1)) * 7919 - 50000));
    }
    draw(p, p.width, random, &image, &text);
    draw(p, p.teacherWidth, random, &teacherImage, &teacherText);
    logitScale = static_cast<float>(std::log(p.scale));
    teacherLogitScale = static_cast<float>(std::log(p.teacherScale));
    dloss = 0.75f;
  }

 private:
  /** Unit rows that lean towards their class's direction. */
  void draw(const ContrastiveProblem& p, int64_t width, Random& random, std::vector<float>* images,
            std::vector<float>* texts) const {
    if (width == 0) return;
    const auto w = static_cast<size_t>(width);
    const float lean = p.converged ? 8.f : 0.7f;
    std::vector<float> row(w);
    for (std::vector<float>* to : {images, texts}) {
      for (const int32_t label : labels) {
        Random direction{static_cast<uint64_t>(label) * 0x9E3779B97F4A7C15u | 1};
        for (int i = 0; i < 4; ++i) direction.bits();
        double square = 0;
        for (float& x : row) {
          x = random() + lean * direction();
          square += double{x} * x;
        }
        for (const float x : row) to->push_back(static_cast<float>(x / std::sqrt(square)));
      }
    }
  }
};

/** As the products take them: rounded to bfloat16, or as they are. */
inline std::vector<double> asFactors(const std::vector<float>& values, Precision precision) {
  std::vector<double> factors;
  for (const float v : values) {
    factors.push_back(precision == Precision::kBfloat16 ? cuda::fromBfloat16(cuda::roundToBfloat16(v)) : v);
  }
  return factors;
}

/** a [rows, depth] b [columns, depth]^T scale, and what else is needed of matrices, by lines so that loops
 * are vectors. */
struct ContrastiveMatrix {
  size_t rows = 0, columns = 0;
  std::vector<double> values;
  double* operator[](size_t row) { return values.data() + row * columns; }
  const double* operator[](size_t row) const { return values.data() + row * columns; }
};

inline ContrastiveMatrix similarities(const std::vector<double>& a, const std::vector<double>& b,
                                      size_t depth, double scale) {
  ContrastiveMatrix s{a.size() / depth, b.size() / depth, {}};
  s.values.assign(s.rows * s.columns, 0);
  std::vector<double> turned(b.size());
  for (size_t j = 0; j < s.columns; ++j) {
    for (size_t k = 0; k < depth; ++k) turned[k * s.columns + j] = b[j * depth + k];
  }
  for (size_t i = 0; i < s.rows; ++i) {
    double* row = s[i];
    for (size_t k = 0; k < depth; ++k) {
      const double x = a[i * depth + k] * scale;
      const double* line = turned.data() + k * s.columns;
      for (size_t j = 0; j < s.columns; ++j) row[j] += x * line[j];
    }
  }
  return s;
}

struct ContrastiveReference {
  // Of rows [0] and columns [1].
  std::vector<double> lse[2], teacherLse[2], teacherMean[2];
  double targetSum = 0, losses[3] = {};
  std::vector<double> dimage, dtext;
  double dlogitScale = 0, products = 0;  // sum |dS S|

  ContrastiveReference(const ContrastiveProblem& p, const ContrastiveData& data) {
    const auto n = static_cast<size_t>(p.size), width = static_cast<size_t>(p.width);
    const bool teacher = p.teacherWidth > 0;
    const std::vector<double> image = asFactors(data.image, p.precision),
                              text = asFactors(data.text, p.precision);
    const ContrastiveMatrix s = similarities(image, text, width, std::exp(double{data.logitScale}));
    ContrastiveMatrix t;
    if (teacher) {
      t = similarities(asFactors(data.teacherImage, p.precision), asFactors(data.teacherText, p.precision),
                       static_cast<size_t>(p.teacherWidth), std::exp(double{data.teacherLogitScale}));
    }
    for (int side = 0; side < 2; ++side) {
      lse[side] = logSums(s, side), teacherLse[side] = teacher ? logSums(t, side) : std::vector<double>(n, 0);
      teacherMean[side].assign(n, 0);
    }
    std::vector<double> counts(n, 0);
    for (size_t i = 0; i < n; ++i) {
      for (size_t j = 0; j < n; ++j) counts[i] += data.labels[i] == data.labels[j];
    }
    const double size = static_cast<double>(n), beta = p.distillWeight, smoothing = p.smoothing;
    const double factor = data.dloss / (2 * size), scale = std::exp(double{data.logitScale});
    dimage.assign(n * width, 0), dtext.assign(n * width, 0);
    for (size_t i = 0; i < n; ++i) {
      for (size_t j = 0; j < n; ++j) {
        const double target =
                         (1 - smoothing) * (data.labels[i] == data.labels[j]) / counts[i] + smoothing / size,
                     x = s[i][j];
        targetSum += target * x;
        double d = std::exp(x - lse[0][i]) + std::exp(x - lse[1][j]) - 2 * (1 - beta) * target;
        if (teacher) {
          const double p0 = std::exp(t[i][j] - teacherLse[0][i]), p1 = std::exp(t[i][j] - teacherLse[1][j]);
          teacherMean[0][i] += p0 * x, teacherMean[1][j] += p1 * x;
          d -= beta * (p0 + p1);
        }
        dlogitScale += factor * d * x, products += std::abs(factor * d * x);
        const double along = factor * scale * d;
        for (size_t k = 0; k < width; ++k) {
          dimage[i * width + k] += along * text[j * width + k];
          dtext[j * width + k] += along * image[i * width + k];
        }
      }
    }
    double sums = 0, distances = 0;
    for (int side = 0; side < 2; ++side) {
      for (size_t i = 0; i < n; ++i) sums += lse[side][i], distances += lse[side][i] - teacherMean[side][i];
    }
    losses[1] = sums / (2 * size) - targetSum / size;
    losses[2] = teacher ? distances / (2 * size) : 0;
    losses[0] = (1 - beta) * losses[1] + beta * losses[2];
  }

 private:
  static std::vector<double> logSums(const ContrastiveMatrix& s, int side) {
    const size_t lines = side == 0 ? s.rows : s.columns;
    std::vector<double> most(lines, -1e300), sums(lines, 0);
    for (int pass = 0; pass < 2; ++pass) {
      for (size_t i = 0; i < s.rows; ++i) {
        for (size_t j = 0; j < s.columns; ++j) {
          const size_t line = side == 0 ? i : j;
          if (pass == 0) {
            most[line] = std::max(most[line], s[i][j]);
          } else {
            sums[line] += std::exp(s[i][j] - most[line]);
          }
        }
      }
    }
    for (size_t i = 0; i < lines; ++i) sums[i] = most[i] + std::log(sums[i]);
    return sums;
  }
};

}  // namespace vlltr
