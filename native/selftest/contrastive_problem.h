#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "cuda/bfloat16.h"
#include "test/contrastive_reference.h"
#include "test/random.h"
#include "vlltr/precision.h"

/** Problems of the contrastive op for a device, and their reference in float64. */
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

/** Computed. */
inline reference::Contrastive contrastiveReference(const ContrastiveProblem& p, const ContrastiveData& data) {
  reference::Contrastive made;
  made.pairs = static_cast<size_t>(p.size), made.width = static_cast<size_t>(p.width);
  made.teacherWidth = static_cast<size_t>(p.teacherWidth);
  made.image = asFactors(data.image, p.precision), made.text = asFactors(data.text, p.precision);
  made.teacherImage = asFactors(data.teacherImage, p.precision);
  made.teacherText = asFactors(data.teacherText, p.precision);
  made.logitScale = data.logitScale, made.teacherLogitScale = data.teacherLogitScale;
  made.labels = data.labels;
  made.smoothing = p.smoothing, made.distillWeight = p.distillWeight, made.dloss = data.dloss;
  made.run();
  return made;
}

}  // namespace vlltr
