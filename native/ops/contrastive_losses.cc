// What is left to do with statistics, of any device: a few numbers a line.
#include <algorithm>
#include <cmath>
#include <string>

#include "ops/arguments.h"
#include "vlltr/contrastive.h"

namespace vlltr {
namespace {

double mean(int64_t count, const float* values) {
  double sum = 0;
  for (int64_t i = 0; i < count; ++i) sum += values[i];
  return sum / static_cast<double>(count);
}

double meanDifference(int64_t count, const float* a, const float* b) {
  double sum = 0;
  for (int64_t i = 0; i < count; ++i) sum += static_cast<double>(a[i]) - b[i];
  return sum / static_cast<double>(count);
}

/** log(e^a + e^b), and the share of e^b in the sum. */
struct LogSum {
  double value, share;

  LogSum(double a, double b) {
    const double most = std::max(a, b), ea = std::exp(a - most), eb = std::exp(b - most);
    value = most + std::log(ea + eb);
    share = eb / (ea + eb);
  }
};

Status checkLines(int64_t lines) {
  if (lines >= 1 && lines <= INT32_MAX) return Status();
  return invalidArgument("contrastive: " + std::to_string(lines) +
                         " lines of statistics, expected 1 to 2^31 - 1");
}

}  // namespace

Status mergeContrastive(int64_t n, const ContrastiveStatistics& other, const ContrastiveStatistics& into) {
  VLLTR_RETURN_IF_ERROR(checkLines(n));
  VLLTR_RETURN_IF_ERROR(
      checkSpans("mergeContrastive",
                 {span("other's lse", other.lse, n), span("other's teacherLse", other.teacherLse, n),
                  span("other's teacherMean", other.teacherMean, n)},
                 {span("lse", into.lse, n), span("teacherLse", into.teacherLse, n),
                  span("teacherMean", into.teacherMean, n)}));
  for (int64_t i = 0; i < n; ++i) {
    into.lse[i] = static_cast<float>(LogSum(into.lse[i], other.lse[i]).value);
    const LogSum teacher(into.teacherLse[i], other.teacherLse[i]);
    into.teacherLse[i] = static_cast<float>(teacher.value);
    into.teacherMean[i] =
        static_cast<float>((1 - teacher.share) * into.teacherMean[i] + teacher.share * other.teacherMean[i]);
  }
  return Status();
}

Status contrastive(const ContrastiveLosses& call) {
  const int64_t n = call.columns;
  VLLTR_RETURN_IF_ERROR(checkLines(n));
  const int64_t taught = call.teacher ? n : 0;
  const ContrastiveStatistics &rows = call.rowStatistics, &columns = call.columnStatistics;
  VLLTR_RETURN_IF_ERROR(checkSpans(
      "contrastive",
      {span("the rows' lse", rows.lse, n), span("the rows' teacherMean", rows.teacherMean, taught),
       span("the columns' lse", columns.lse, n),
       span("the columns' teacherMean", columns.teacherMean, taught), span("targetSum", call.targetSum, 1)},
      {span("losses", call.losses, 3)}));
  const double contrastive =
      (mean(n, rows.lse) + mean(n, columns.lse)) / 2 - *call.targetSum / static_cast<double>(n);
  double distillation = 0;
  if (call.teacher) {
    distillation = (meanDifference(n, rows.lse, rows.teacherMean) +
                    meanDifference(n, columns.lse, columns.teacherMean)) /
                   2;
  }
  const double beta = call.distillWeight;
  call.losses[0] = static_cast<float>((1 - beta) * contrastive + beta * distillation);
  call.losses[1] = static_cast<float>(contrastive);
  call.losses[2] = static_cast<float>(distillation);
  return Status();
}

}  // namespace vlltr
