#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "selftest/contrastive_problem.h"
#include "selftest/guarded.h"

/** The contrastive op run on a target, whole or by strips of rows as several ranks would. */
namespace vlltr {

struct ContrastiveResults {
  std::vector<float> statistics[2][3];  // of rows, of columns: lse, teacherLse, teacherMean
  std::vector<float> targetSum, losses, dimage, dtext, dlogitScale;

  bool operator==(const ContrastiveResults&) const = default;
};

class ContrastiveRun {
 public:
  bool keep = false;            // similarities, for the backward pass
  int64_t offset = 0;           // floats of all arrays past an aligned address
  std::vector<int64_t> strips;  // rows of each; empty: one of all

  Status place(Target& target, const ContrastiveProblem& problem, const ContrastiveData& data) {
    target_ = &target, problem_ = problem, n_ = problem.size;
    if (strips.empty()) strips = {n_};
    const std::vector<float> scalars = {data.logitScale, data.teacherLogitScale, data.dloss};
    VLLTR_RETURN_IF_ERROR(image_.make(target, data.image, offset));
    VLLTR_RETURN_IF_ERROR(text_.make(target, data.text, offset));
    VLLTR_RETURN_IF_ERROR(teacherImage_.make(target, data.teacherImage, offset));
    VLLTR_RETURN_IF_ERROR(teacherText_.make(target, data.teacherText, offset));
    VLLTR_RETURN_IF_ERROR(scalars_.make(target, scalars, offset));
    VLLTR_RETURN_IF_ERROR(labels_.reserve(target, n_ * 4));
    VLLTR_RETURN_IF_ERROR(target.upload(labels_.as<int32_t>(), data.labels.data(), n_ * 4));
    for (Guarded& side : statistics_) VLLTR_RETURN_IF_ERROR(side.make(target, 3 * n_, offset));
    VLLTR_RETURN_IF_ERROR(strip_.make(target, 3 * n_, offset));
    VLLTR_RETURN_IF_ERROR(targetSum_.make(target, 1, offset));
    VLLTR_RETURN_IF_ERROR(losses_.make(target, 3, offset));
    VLLTR_RETURN_IF_ERROR(dimage_.make(target, n_ * problem.width, offset));
    VLLTR_RETURN_IF_ERROR(dtext_.make(target, n_ * problem.width, offset));
    VLLTR_RETURN_IF_ERROR(dlogitScale_.make(target, 1, offset));
    if (!keep) return Status();
    return kept_.make(target, (problem.teacherWidth > 0 ? 2 : 1) * n_ * n_, offset);
  }

  Status run(ContrastiveResults* results) {
    for (Guarded* one : {&statistics_[0], &statistics_[1], &strip_, &targetSum_, &losses_, &dimage_, &dtext_,
                         &dlogitScale_}) {
      VLLTR_RETURN_IF_ERROR(one->poison());
    }
    if (keep) VLLTR_RETURN_IF_ERROR(kept_.poison());
    VLLTR_RETURN_IF_ERROR(forward());
    VLLTR_RETURN_IF_ERROR(backward(results));
    for (int side = 0; side < 2; ++side) {
      std::vector<float> all;
      VLLTR_RETURN_IF_ERROR(statistics_[side].get(&all));
      for (int v = 0; v < 3; ++v) {
        results->statistics[side][v].assign(all.begin() + v * n_, all.begin() + (v + 1) * n_);
      }
    }
    VLLTR_RETURN_IF_ERROR(losses_.get(&results->losses));
    VLLTR_RETURN_IF_ERROR(dimage_.get(&results->dimage));
    return targetSum_.get(&results->targetSum);
  }

 private:
  ContrastiveStatistics statistics(const Guarded& of, int64_t first = 0) const {
    return {of.data() + first, of.data() + n_ + first, of.data() + 2 * n_ + first};
  }

  void fill(int64_t first, int64_t rows, ContrastiveInputs* call) const {
    call->rows = rows, call->columns = n_;
    call->student = {problem_.width, image_.data() + first * problem_.width, text_.data(), scalars_.data()};
    if (problem_.teacherWidth > 0) {
      call->teacher = {problem_.teacherWidth, teacherImage_.data() + first * problem_.teacherWidth,
                       teacherText_.data(), scalars_.data() + 1};
    }
    call->rowLabels = labels_.as<int32_t>() + first, call->columnLabels = labels_.as<int32_t>();
    call->smoothing = problem_.smoothing, call->distillWeight = problem_.distillWeight;
    call->precision = problem_.precision;
  }

  float* keptFrom(int64_t first) const {
    return keep ? kept_.data() + (problem_.teacherWidth > 0 ? 2 : 1) * first * n_ : nullptr;
  }

  Status forward() {
    double targets = 0;
    int64_t first = 0;
    for (const int64_t rows : strips) {
      ContrastiveForward call;
      fill(first, rows, &call);
      call.rowStatistics = statistics(statistics_[0], first);
      call.columnStatistics = statistics(first == 0 ? statistics_[1] : strip_);
      call.targetSum = targetSum_.data();
      call.kept = keptFrom(first);
      VLLTR_RETURN_IF_ERROR(target_->contrastive(call));
      if (first > 0) {
        VLLTR_RETURN_IF_ERROR(
            target_->mergeContrastive(n_, call.columnStatistics, statistics(statistics_[1])));
      }
      std::vector<float> sum;
      VLLTR_RETURN_IF_ERROR(targetSum_.get(&sum));
      targets += sum[0];
      first += rows;
    }
    if (strips.size() > 1) {
      const auto sum = static_cast<float>(targets);
      VLLTR_RETURN_IF_ERROR(target_->upload(targetSum_.data(), &sum, sizeof sum));
    }
    ContrastiveLosses call;
    call.columns = n_;
    call.rowStatistics = statistics(statistics_[0]), call.columnStatistics = statistics(statistics_[1]);
    call.targetSum = targetSum_.data();
    call.distillWeight = problem_.distillWeight, call.teacher = problem_.teacherWidth > 0;
    call.losses = losses_.data();
    return target_->contrastive(call);
  }

  Status backward(ContrastiveResults* results) {
    int64_t first = 0;
    results->dtext.assign(static_cast<size_t>(n_ * problem_.width), 0);
    results->dlogitScale.assign(1, 0);
    for (const int64_t rows : strips) {
      ContrastiveBackward call;
      fill(first, rows, &call);
      call.rowStatistics = statistics(statistics_[0], first);
      call.columnStatistics = statistics(statistics_[1]);
      call.kept = keptFrom(first);
      call.dloss = scalars_.data() + 2;
      call.dimage = dimage_.data() + first * problem_.width;
      call.dtext = dtext_.data(), call.dlogitScale = dlogitScale_.data();
      VLLTR_RETURN_IF_ERROR(target_->contrastive(call));
      std::vector<float> dtext, dlogitScale;
      VLLTR_RETURN_IF_ERROR(dtext_.get(&dtext));
      VLLTR_RETURN_IF_ERROR(dlogitScale_.get(&dlogitScale));
      for (size_t i = 0; i < dtext.size(); ++i) results->dtext[i] += dtext[i];
      results->dlogitScale[0] += dlogitScale[0];
      first += rows;
    }
    return Status();
  }

  Target* target_ = nullptr;
  ContrastiveProblem problem_;
  int64_t n_ = 0;
  Guarded image_, text_, teacherImage_, teacherText_, scalars_, statistics_[2], strip_, targetSum_, losses_,
      dimage_, dtext_, dlogitScale_, kept_;
  TargetMemory labels_;
};

}  // namespace vlltr
