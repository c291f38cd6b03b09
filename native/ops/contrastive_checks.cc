#include "ops/contrastive_checks.h"

#include <string>
#include <vector>

#include "ops/arguments.h"

namespace vlltr {
namespace {

constexpr const char* kOp = "contrastive";

Status checkWeight(const char* name, float weight) {
  if (weight >= 0 && weight <= 1) return Status();
  return invalidArgument(std::string("contrastive: ") + name + " is " + std::to_string(weight) +
                         ", expected a number from 0 to 1");
}

Status checkInputs(const ContrastiveInputs& call) {
  if (call.rows < 1 || call.columns < 1 || call.rows > INT32_MAX || call.columns > INT32_MAX) {
    return invalidArgument("contrastive: rows and columns are " + std::to_string(call.rows) + " and " +
                           std::to_string(call.columns) + ", expected 1 to 2^31 - 1 of each");
  }
  if (call.student.width < 1 || call.teacher.width < 0) {
    return invalidArgument("contrastive: the widths of student and teacher are " +
                           std::to_string(call.student.width) + " and " + std::to_string(call.teacher.width) +
                           ", expected at least 1 and 0");
  }
  for (const int64_t width : {call.student.width, call.teacher.width}) {
    if (width == 0) continue;
    VLLTR_RETURN_IF_ERROR(checkMatrix(kOp, call.rows, width));
    VLLTR_RETURN_IF_ERROR(checkMatrix(kOp, call.columns, width));
  }
  VLLTR_RETURN_IF_ERROR(checkWeight("smoothing", call.smoothing));
  VLLTR_RETURN_IF_ERROR(checkWeight("distillWeight", call.distillWeight));
  if (call.teacher.width > 0 || call.distillWeight == 0) return Status();
  return invalidArgument("contrastive: distillWeight is " + std::to_string(call.distillWeight) +
                         " without a teacher, expected 0");
}

std::vector<Span> inputSpans(const ContrastiveInputs& call) {
  const int64_t r = call.rows, n = call.columns, d = call.student.width, e = call.teacher.width;
  std::vector<Span> spans = {span("image", call.student.image, r * d), span("text", call.student.text, n * d),
                             span("logitScale", call.student.logitScale, 1),
                             span("rowLabels", call.rowLabels, r),
                             span("columnLabels", call.columnLabels, n)};
  if (e == 0) return spans;
  spans.push_back(span("the teacher's image", call.teacher.image, r * e));
  spans.push_back(span("the teacher's text", call.teacher.text, n * e));
  spans.push_back(span("the teacher's logitScale", call.teacher.logitScale, 1));
  return spans;
}

}  // namespace

int64_t contrastiveKept(const ContrastiveInputs& call) {
  return call.rows * call.columns * (call.teacher.width > 0 ? 2 : 1);
}

Status checkContrastive(const ContrastiveForward& call) {
  VLLTR_RETURN_IF_ERROR(checkInputs(call));
  const int64_t r = call.rows, n = call.columns;
  const std::vector<Span> inputs = inputSpans(call);
  std::vector<Span> outputs = {span("the rows' lse", call.rowStatistics.lse, r),
                               span("the rows' teacherLse", call.rowStatistics.teacherLse, r),
                               span("the rows' teacherMean", call.rowStatistics.teacherMean, r),
                               span("the columns' lse", call.columnStatistics.lse, n),
                               span("the columns' teacherLse", call.columnStatistics.teacherLse, n),
                               span("the columns' teacherMean", call.columnStatistics.teacherMean, n),
                               span("targetSum", call.targetSum, 1)};
  if (call.kept != nullptr) outputs.push_back(span("kept", call.kept, contrastiveKept(call)));
  return checkSpans(kOp, inputs, outputs);
}

Status checkContrastive(const ContrastiveBackward& call) {
  VLLTR_RETURN_IF_ERROR(checkInputs(call));
  const int64_t r = call.rows, n = call.columns, d = call.student.width;
  std::vector<Span> inputs = inputSpans(call);
  inputs.push_back(span("dloss", call.dloss, 1));
  inputs.push_back(span("the rows' lse", call.rowStatistics.lse, r));
  inputs.push_back(span("the columns' lse", call.columnStatistics.lse, n));
  if (call.teacher.width > 0) {
    inputs.push_back(span("the rows' teacherLse", call.rowStatistics.teacherLse, r));
    inputs.push_back(span("the columns' teacherLse", call.columnStatistics.teacherLse, n));
  }
  if (call.kept != nullptr) inputs.push_back(span("kept", call.kept, contrastiveKept(call)));
  const std::vector<Span> outputs = {span("dimage", call.dimage, r * d), span("dtext", call.dtext, n * d),
                                     span("dlogitScale", call.dlogitScale, 1)};
  return checkSpans(kOp, inputs, outputs);
}

}  // namespace vlltr
