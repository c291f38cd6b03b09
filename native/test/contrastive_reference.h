// The class-wise contrastive loss by its definition, whole matrices in float64 and with loops alone.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace reference {

using Doubles = std::vector<double>;

/** scale a b^T for rows of length `depth`, [rows of a, rows of b]; a line of b^T at a time, so that loops are
 * vectors. */
inline Doubles similarities(const Doubles& a, const Doubles& b, size_t depth, double scale) {
  const size_t rows = a.size() / depth, columns = b.size() / depth;
  Doubles turned(b.size()), made(rows * columns);
  for (size_t j = 0; j < columns; ++j) {
    for (size_t k = 0; k < depth; ++k) turned[k * columns + j] = b[j * depth + k];
  }
  for (size_t i = 0; i < rows; ++i) {
    for (size_t k = 0; k < depth; ++k) {
      const double x = a[i * depth + k] * scale;
      for (size_t j = 0; j < columns; ++j) made[i * columns + j] += x * turned[k * columns + j];
    }
  }
  return made;
}

/** Statistics of lines, as ContrastiveStatistics. */
struct Statistics {
  Doubles lse, teacherLse, teacherMean;
};

/** A whole batch of N pairs. */
struct Contrastive {
  size_t pairs = 0, width = 0, teacherWidth = 0;  // no teacher: 0
  Doubles image, text, teacherImage, teacherText;
  double logitScale = 0, teacherLogitScale = 0;
  std::vector<int32_t> labels;
  double smoothing = 0, distillWeight = 0, dloss = 1;

  // Results.
  Doubles similarity, teacherSimilarity;  // [N, N]
  Statistics rows, columns;
  Doubles targetSums;  // [N]: of each row, sum_j t_ij S_ij
  double loss = 0, contrastive = 0, distillation = 0;
  Doubles slope;  // [N, N], dloss / dS
  Doubles dimage, dtext;
  double dlogitScale = 0;
  /** The largest sum along a row or a column of all that dS is made of, which bounds a gradient's rounding.
   */
  double terms = 0;
  /** The largest sum of magnitudes of the products that an element of dimage, or of dtext, is made of. */
  double dimageTerms = 0, dtextTerms = 0;

  void run();

  bool taught() const { return teacherWidth > 0; }
  double target(size_t i, size_t j) const;

 private:
  Statistics statistics(bool ofRows) const;
  std::vector<double> sameClass_;  // [N]: pairs of the class of each
  double element(const Doubles& matrix, bool ofRows, size_t line, size_t k) const {
    return matrix.empty() ? 0 : ofRows ? matrix[line * pairs + k] : matrix[k * pairs + line];
  }
  void gradient();
};

inline double Contrastive::target(size_t i, size_t j) const {
  const double positive = labels[i] == labels[j] ? (1 - smoothing) / sameClass_[i] : 0;
  return positive + smoothing / static_cast<double>(pairs);
}

inline Statistics Contrastive::statistics(bool ofRows) const {
  Statistics made;
  const auto lse = [&](const Doubles& matrix, size_t line) {
    double most = element(matrix, ofRows, line, 0), sum = 0;
    for (size_t k = 1; k < pairs; ++k) most = std::max(most, element(matrix, ofRows, line, k));
    for (size_t k = 0; k < pairs; ++k) sum += std::exp(element(matrix, ofRows, line, k) - most);
    return most + std::log(sum);
  };
  for (size_t line = 0; line < pairs; ++line) {
    made.lse.push_back(lse(similarity, line));
    made.teacherLse.push_back(taught() ? lse(teacherSimilarity, line) : 0);
    double mean = 0;
    for (size_t k = 0; k < pairs && taught(); ++k) {
      mean += std::exp(element(teacherSimilarity, ofRows, line, k) - made.teacherLse[line]) *
              element(similarity, ofRows, line, k);
    }
    made.teacherMean.push_back(mean);
  }
  return made;
}

inline void Contrastive::gradient() {
  const double scale = std::exp(logitScale);
  const auto n = static_cast<double>(pairs);
  Doubles rowTerms(pairs), columnTerms(pairs), imageTerms(pairs * width), textTerms(pairs * width);
  slope.assign(pairs * pairs, 0);
  dimage.assign(pairs * width, 0), dtext = dimage;
  for (size_t i = 0; i < pairs; ++i) {
    for (size_t j = 0; j < pairs; ++j) {
      const double s = similarity[i * pairs + j];
      double x = std::exp(s - rows.lse[i]) + std::exp(s - columns.lse[j]);
      double targets = 2 * (1 - distillWeight) * target(i, j);
      if (taught()) {
        const double u = teacherSimilarity[i * pairs + j];
        targets += distillWeight * (std::exp(u - rows.teacherLse[i]) + std::exp(u - columns.teacherLse[j]));
      }
      rowTerms[i] += (x + targets) * dloss / (2 * n), columnTerms[j] += (x + targets) * dloss / (2 * n);
      x = (x - targets) * dloss / (2 * n);
      slope[i * pairs + j] = x;
      dlogitScale += x * s;
      for (size_t k = 0; k < width; ++k) {
        const double ofImage = scale * x * text[j * width + k], ofText = scale * x * image[i * width + k];
        dimage[i * width + k] += ofImage, imageTerms[i * width + k] += std::abs(ofImage);
        dtext[j * width + k] += ofText, textTerms[j * width + k] += std::abs(ofText);
      }
    }
  }
  const auto most = [](const Doubles& values) { return *std::max_element(values.begin(), values.end()); };
  terms = std::max(most(rowTerms), most(columnTerms));
  dimageTerms = most(imageTerms), dtextTerms = most(textTerms);
}

inline void Contrastive::run() {
  for (const int32_t label : labels) {
    sameClass_.push_back(static_cast<double>(std::count(labels.begin(), labels.end(), label)));
  }
  similarity = similarities(image, text, width, std::exp(logitScale));
  if (taught()) {
    teacherSimilarity = similarities(teacherImage, teacherText, teacherWidth, std::exp(teacherLogitScale));
  }
  rows = statistics(true), columns = statistics(false);
  const auto n = static_cast<double>(pairs);
  for (size_t i = 0; i < pairs; ++i) {
    double sum = 0;
    for (size_t j = 0; j < pairs; ++j) sum += target(i, j) * similarity[i * pairs + j];
    targetSums.push_back(sum);
    contrastive += ((rows.lse[i] + columns.lse[i]) / 2 - sum) / n;
    if (!taught()) continue;
    distillation += (rows.lse[i] - rows.teacherMean[i] + columns.lse[i] - columns.teacherMean[i]) / (2 * n);
  }
  loss = (1 - distillWeight) * contrastive + distillWeight * distillation;
  gradient();
}

}  // namespace reference
