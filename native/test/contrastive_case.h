// Drawn problems of the class-wise contrastive loss, and what the CPU makes of them.
#pragma once

#include <cstring>
#include <limits>

#include "check.h"
#include "contrastive_reference.h"
#include "random.h"
#include "vlltr/contrastive.h"

using Floats = std::vector<float>;
constexpr float kPoison = std::numeric_limits<float>::quiet_NaN();
constexpr float kLog100 = 4.6051702f;

enum class Labels { kDrawn, kEqual, kUnique };

struct Problem {
  size_t pairs, width, teacherWidth = 0;
  float logitScale = 2;
  float smoothing = 0, distillWeight = 0;
  Labels labels = Labels::kDrawn;
  /** Of texts from their images; above 10, texts of their own. */
  float noise = 100;
  float norm = 1;
  vlltr::Precision precision = vlltr::Precision::kFloat32;
};

inline float roundedToBfloat16(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  bits = (bits + 0x7fff + ((bits >> 16) & 1)) & 0xffff0000u;
  std::memcpy(&value, &bits, sizeof bits);
  return value;
}

/** Three vectors one behind the other. */
struct Statistics {
  Floats memory;
  explicit Statistics(size_t lines) : memory(3 * lines, kPoison) {}
  vlltr::ContrastiveStatistics view() {
    const size_t lines = memory.size() / 3;
    return {memory.data(), memory.data() + lines, memory.data() + 2 * lines};
  }
  Floats part(size_t which) const {
    const auto lines = static_cast<int64_t>(memory.size() / 3), first = static_cast<int64_t>(which) * lines;
    return {memory.begin() + first, memory.begin() + first + lines};
  }
};

struct Case {
  Problem problem;
  reference::Contrastive wanted;
  Floats image, text, teacherImage, teacherText;
  float teacherLogitScale = 1.5f, dloss = 0.7f;
  Statistics rows, columns;
  float targetSum = kPoison, dlogitScale = kPoison;
  Floats kept, dimage, dtext, losses;

  Case(const Problem& p, uint64_t seed) : problem(p), rows(p.pairs), columns(p.pairs) {
    Random random{0x9E3779B97F4A7C15ull ^ (seed * 0x2545F4914F6CDD1Dull + 1)};
    const auto unitRows = [&](Floats& to, size_t width, const Floats* near) {
      to.resize(p.pairs * width);
      for (size_t i = 0; i < p.pairs; ++i) {
        double square = 0;
        for (size_t k = i * width; k < (i + 1) * width; ++k) {
          to[k] = near == nullptr || p.noise > 10 ? random() : (*near)[k] / p.norm + p.noise * random();
          square += double{to[k]} * to[k];
        }
        const auto factor = static_cast<float>(p.norm / std::sqrt(std::max(square, 1e-30)));
        for (size_t k = i * width; k < (i + 1) * width; ++k) to[k] *= factor;
      }
    };
    unitRows(image, p.width, nullptr), unitRows(text, p.width, &image);
    unitRows(teacherImage, p.teacherWidth, nullptr), unitRows(teacherText, p.teacherWidth, &teacherImage);
    const int64_t classes = random.integer(1, static_cast<int64_t>(p.pairs));
    for (size_t i = 0; i < p.pairs; ++i) {
      const int64_t unique = static_cast<int64_t>(i) * 3 - 7, drawn = random.integer(0, classes);
      const int64_t label = p.labels == Labels::kUnique ? unique : p.labels == Labels::kEqual ? 4 : drawn;
      wanted.labels.push_back(static_cast<int32_t>(label));
    }
    const bool half = p.precision == vlltr::Precision::kBfloat16;
    const auto doubles = [&](const Floats& from) {
      reference::Doubles to;
      for (const float x : from) to.push_back(half ? roundedToBfloat16(x) : x);
      return to;
    };
    wanted.pairs = p.pairs, wanted.width = p.width, wanted.teacherWidth = p.teacherWidth;
    wanted.image = doubles(image), wanted.text = doubles(text);
    wanted.teacherImage = doubles(teacherImage), wanted.teacherText = doubles(teacherText);
    wanted.logitScale = p.logitScale, wanted.teacherLogitScale = teacherLogitScale;
    wanted.smoothing = p.smoothing, wanted.distillWeight = p.distillWeight, wanted.dloss = dloss;
    wanted.run();
    dimage.assign(image.size(), kPoison), dtext = dimage;
    losses.assign(3, kPoison);
  }
  Case(const Case&) = delete;

  /** `count` rows from `first` on. */
  vlltr::ContrastiveInputs inputs(size_t first, size_t count) const {
    const Problem& p = problem;
    vlltr::ContrastiveInputs made;
    made.rows = static_cast<int64_t>(count), made.columns = static_cast<int64_t>(p.pairs);
    made.student = {static_cast<int64_t>(p.width), image.data() + first * p.width, text.data(),
                    &p.logitScale};
    if (p.teacherWidth > 0) {
      made.teacher = {static_cast<int64_t>(p.teacherWidth), teacherImage.data() + first * p.teacherWidth,
                      teacherText.data(), &teacherLogitScale};
    }
    made.rowLabels = wanted.labels.data() + first, made.columnLabels = wanted.labels.data();
    made.smoothing = p.smoothing, made.distillWeight = p.distillWeight, made.precision = p.precision;
    return made;
  }
  vlltr::ContrastiveInputs inputs() const { return inputs(0, problem.pairs); }
  vlltr::ContrastiveForward forward() {
    return {inputs(), rows.view(), columns.view(), &targetSum, kept.empty() ? nullptr : kept.data()};
  }
  vlltr::ContrastiveBackward backward() {
    return {inputs(), rows.view(),   columns.view(), kept.empty() ? nullptr : kept.data(),
            &dloss,   dimage.data(), dtext.data(),   &dlogitScale};
  }
  vlltr::ContrastiveLosses sum() {
    return {static_cast<int64_t>(problem.pairs),
            rows.view(),
            columns.view(),
            &targetSum,
            problem.distillWeight,
            problem.teacherWidth > 0,
            losses.data()};
  }
  void keep() { kept.assign(static_cast<size_t>(vlltr::contrastiveKept(forward())), kPoison); }
  void run() {
    CHECK_OK(vlltr::contrastive(forward()));
    CHECK_OK(vlltr::contrastive(sum()));
    CHECK_OK(vlltr::contrastive(backward()));
  }
};
