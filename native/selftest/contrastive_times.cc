#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "cuda/contrastive.h"
#include "selftest/contrastive_problem.h"
#include "selftest/selftest.h"

namespace vlltr {
namespace {

/** Inputs and outputs of a size to be timed, on the device. */
struct Timed {
  DeviceMemory features[4], gradients[2], lines[2], labels, scalars;
  ContrastiveForward forward;
  ContrastiveBackward backward;

  Status place(Selftest& test, int64_t n, int64_t width, Precision precision) {
    Device& device = test.device();
    ContrastiveProblem problem;
    problem.size = std::min<int64_t>(n, 2048), problem.width = width, problem.teacherWidth = width;
    problem.classes = 0;
    ContrastiveData data(problem, test.seed());
    const std::vector<float>* values[] = {&data.image, &data.text, &data.teacherImage, &data.teacherText};
    const int64_t bytes = n * width * 4, part = problem.size * width * 4;
    for (int i = 0; i < 4; ++i) {
      VLLTR_RETURN_IF_ERROR(features[i].reserve(device, bytes));
      for (int64_t at = 0; at < bytes; at += part) {
        VLLTR_RETURN_IF_ERROR(
            device.upload(features[i].as<char>(at), values[i]->data(), std::min(part, bytes - at)));
      }
    }
    std::vector<int32_t> classes;
    for (int64_t i = 0; i < n; ++i) classes.push_back(static_cast<int32_t>(i * 31 % 1000));
    VLLTR_RETURN_IF_ERROR(labels.reserve(device, n * 4));
    VLLTR_RETURN_IF_ERROR(device.upload(labels.as<int32_t>(), classes.data(), n * 4));
    for (DeviceMemory& one : gradients) VLLTR_RETURN_IF_ERROR(one.reserve(device, bytes));
    for (DeviceMemory& one : lines) VLLTR_RETURN_IF_ERROR(one.reserve(device, 3 * n * 4));
    const float numbers[5] = {std::log(100.f), std::log(100.f), 1.f, 0.f, 0.f};
    VLLTR_RETURN_IF_ERROR(scalars.reserve(device, sizeof numbers));
    VLLTR_RETURN_IF_ERROR(device.upload(scalars.as<float>(), numbers, sizeof numbers));
    for (ContrastiveInputs* call :
         {static_cast<ContrastiveInputs*>(&forward), static_cast<ContrastiveInputs*>(&backward)}) {
      call->rows = call->columns = n;
      call->student = {width, features[0].as<float>(), features[1].as<float>(), scalars.as<float>()};
      call->teacher = {width, features[2].as<float>(), features[3].as<float>(), scalars.as<float>() + 1};
      call->rowLabels = call->columnLabels = labels.as<int32_t>();
      call->smoothing = 0.1f, call->distillWeight = 0.5f, call->precision = precision;
    }
    const auto statistics = [&](int side) {
      float* first = lines[side].as<float>();
      return ContrastiveStatistics{first, first + n, first + 2 * n};
    };
    forward.rowStatistics = backward.rowStatistics = statistics(0);
    forward.columnStatistics = backward.columnStatistics = statistics(1);
    forward.targetSum = scalars.as<float>() + 3;
    backward.dloss = scalars.as<float>() + 2, backward.dlogitScale = scalars.as<float>() + 4;
    backward.dimage = gradients[0].as<float>(), backward.dtext = gradients[1].as<float>();
    return device.synchronize();
  }
};

void time(Selftest& test, int64_t n, int64_t width, Precision precision) {
  Device& device = test.device();
  Timed timed;
  const std::string size = std::to_string(n) + "x" + std::to_string(width);
  if (!test.ok("contrastive " + size, timed.place(test, n, width, precision))) return;
  const bool split = precision == Precision::kFloat32;
  const double rows = static_cast<double>(n), g = 2 * rows * rows * static_cast<double>(width);
  const double read = 4 * rows * static_cast<double>(width) * 4, written = read / 2;
  const int64_t memory[2] = {cuda::contrastiveWorkspace(device, timed.forward),
                             cuda::contrastiveWorkspace(device, timed.backward)};
  const auto tell = [&](const char* what, double milliseconds, double flops, double bytes,
                        int64_t workspace) {
    test.timing({what, size, split ? "fp32" : "bf16", milliseconds, flops, bytes, workspace});
  };
  const int repeats = n > 16384 || (split && n > 2048) ? 5 : 11;
  tell("contrastive forward", test.median(repeats, [&] { return cuda::contrastive(device, timed.forward); }),
       2 * g, read, memory[0]);
  tell("contrastive backward",
       test.median(repeats, [&] { return cuda::contrastive(device, timed.backward); }), 4 * g, read + written,
       memory[1]);
  const double both = test.median(repeats, [&] {
    VLLTR_RETURN_IF_ERROR(cuda::contrastive(device, timed.forward));
    return cuda::contrastive(device, timed.backward);
  });
  tell("contrastive", both, 6 * g, 2 * read + written, std::max(memory[0], memory[1]));
}

}  // namespace

void timeContrastive(Selftest& test) {
  time(test, 2048, 1024, Precision::kBfloat16);
  time(test, 16384, 512, Precision::kBfloat16);
  time(test, 65536, 512, Precision::kBfloat16);
  time(test, 2048, 1024, Precision::kFloat32);
  time(test, 16384, 512, Precision::kFloat32);
}

}  // namespace vlltr
