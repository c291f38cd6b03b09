// Calls for arrays of the host (vlltr/hosted.h) against the same calls on the CPU.
#include "vlltr/hosted.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "selftest/selftest.h"
#include "test/random.h"

namespace vlltr {
namespace {

using Floats = std::vector<float>;

Floats filled(Random& random, int64_t count, double scale = 1) {
  Floats values(static_cast<size_t>(count));
  for (float& value : values) value = static_cast<float>(random() * scale);
  return values;
}

Floats poison(int64_t count) {
  return Floats(static_cast<size_t>(count), std::numeric_limits<float>::quiet_NaN());
}

/** Rows of length 1. */
Floats unitRows(Random& random, int64_t rows, int64_t width) {
  Floats values = filled(random, rows * width);
  for (int64_t i = 0; i < rows; ++i) {
    float* row = values.data() + i * width;
    double square = 0;
    for (int64_t j = 0; j < width; ++j) square += double{row[j]} * row[j];
    for (int64_t j = 0; j < width; ++j) row[j] = static_cast<float>(row[j] / std::sqrt(square));
  }
  return values;
}

/** What a call writes, twice: by the CPU and by the device. */
struct Outputs {
  std::vector<std::string> names;
  std::vector<Floats> arrays[2];

  void add(const char* name, int64_t count) {
    names.emplace_back(name);
    for (auto& each : arrays) each.push_back(poison(count));
  }
  float* of(int which, size_t output) { return arrays[which][output].data(); }
};

/** `call(device or null, which)` runs one of the two. */
template <class Call>
void compare(Selftest& test, const std::string& op, Outputs& outputs, double allowed, Call call) {
  if (!test.ok(op + " on the CPU", call(nullptr, 0))) return;
  if (!test.ok(op + " on the device", call(&test.device(), 1))) return;
  for (size_t i = 0; i < outputs.names.size(); ++i) {
    const std::vector<double> reference(outputs.arrays[0][i].begin(), outputs.arrays[0][i].end());
    test.expect(op + ", " + outputs.names[i], relativeError(outputs.arrays[1][i], reference), allowed);
  }
}

/** A step over parameters whose arrays are several times the staging buffer. */
struct Step {
  std::vector<Floats> grads;
  Floats params, m, v;
  Outputs outputs;
  Adamw call;

  Step(Random random, int64_t size) : params(filled(random, size)), m(filled(random, size)) {
    v = filled(random, size);
    for (float& value : v) value = std::abs(value);
    for (const int64_t length : {size / 3, int64_t{1}, int64_t{0}, size - 1 - size / 3}) {
      grads.push_back(filled(random, length));
      call.parameters.push_back({nullptr, length, 0.1f, 1});
    }
    call.size = size, call.learningRate = 1e-2, call.step = 4, call.clipNorm = 1;
    for (const char* name : {"params", "m", "v"}) outputs.add(name, size);
    outputs.add("|g|", 1);
  }

  Status run(Device* device, int which) {
    Adamw now = call;
    for (size_t i = 0; i < grads.size(); ++i) now.parameters[i].grad = grads[i].data();
    now.params = params.data(), now.m = m.data(), now.v = v.data();
    now.newParams = outputs.of(which, 0), now.newM = outputs.of(which, 1), now.newV = outputs.of(which, 2);
    now.gradNorm = outputs.of(which, 3);
    return device != nullptr ? hosted::adamw(*device, now) : adamw(now);
  }
};

void checkStep(Selftest& test) {
  Step step({test.seed()}, test.small() ? 100'011 : 5'000'011);
  compare(test, "hosted adamw", step.outputs, 1e-5,
          [&](Device* device, int which) { return step.run(device, which); });
  // Callers on several threads share the device's buffer.
  std::vector<std::unique_ptr<Step>> steps;
  std::vector<Status> done(3);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < done.size(); ++i)
    steps.push_back(std::make_unique<Step>(Random{7}, test.small() ? 20'003 : 2'000'003));
  for (size_t i = 0; i < done.size(); ++i) {
    threads.emplace_back([&, i] { done[i] = steps[i]->run(&test.device(), 1); });
  }
  for (std::thread& thread : threads) thread.join();
  int differ = 0;
  for (size_t i = 0; i < done.size(); ++i) {
    if (!test.ok("hosted adamw on three threads", done[i])) return;
    differ += steps[i]->outputs.arrays[1] != steps[0]->outputs.arrays[1];
  }
  test.expect("hosted adamw on three threads, results that differ", differ, 0);
  Step overlap(Random{7}, 100);
  overlap.call.beta1 = 1;
  test.refused("hosted adamw beta1 1", overlap.run(&test.device(), 1), Code::kInvalidArgument);
}

void checkLoss(Selftest& test, bool teacher) {
  constexpr int64_t kPairs = 515, kWidth = 72, kTeacherWidth = 40;
  Random random{test.seed()};
  const Floats image = unitRows(random, kPairs, kWidth), text = unitRows(random, kPairs, kWidth);
  const Floats teacherImage = unitRows(random, kPairs, kTeacherWidth);
  const Floats teacherText = unitRows(random, kPairs, kTeacherWidth);
  const float scale = 2.5f, teacherScale = 3, dloss = 0.7f;
  std::vector<int32_t> labels(kPairs);
  for (int32_t& label : labels) label = static_cast<int32_t>(random.integer(0, 99));
  ContrastiveInputs inputs;
  inputs.rows = inputs.columns = kPairs;
  inputs.student = {kWidth, image.data(), text.data(), &scale};
  if (teacher) inputs.teacher = {kTeacherWidth, teacherImage.data(), teacherText.data(), &teacherScale};
  inputs.rowLabels = inputs.columnLabels = labels.data();
  inputs.smoothing = 0.1f, inputs.distillWeight = teacher ? 0.4f : 0;

  const std::string op = std::string("hosted contrastive") + (teacher ? " with a teacher" : "");
  const auto lines = [](float* all) { return ContrastiveStatistics{all, all + kPairs, all + 2 * kPairs}; };
  Outputs forward, backward;
  forward.add("rows", 3 * kPairs), forward.add("columns", 3 * kPairs), forward.add("sum of targets", 1);
  compare(test, op, forward, 1e-4, [&](Device* device, int which) {
    ContrastiveForward call;
    static_cast<ContrastiveInputs&>(call) = inputs;
    call.rowStatistics = lines(forward.of(which, 0)), call.columnStatistics = lines(forward.of(which, 1));
    call.targetSum = forward.of(which, 2);
    return device != nullptr ? hosted::contrastive(*device, call) : contrastive(call);
  });
  backward.add("dimage", kPairs * kWidth), backward.add("dtext", kPairs * kWidth), backward.add("dscale", 1);
  compare(test, op + " backward", backward, 1e-3, [&](Device* device, int which) {
    ContrastiveBackward call;
    static_cast<ContrastiveInputs&>(call) = inputs;
    call.rowStatistics = lines(forward.of(0, 0)), call.columnStatistics = lines(forward.of(0, 1));
    call.dloss = &dloss, call.dimage = backward.of(which, 0), call.dtext = backward.of(which, 1);
    call.dlogitScale = backward.of(which, 2);
    return device != nullptr ? hosted::contrastive(*device, call) : contrastive(call);
  });
}

void checkAttention(Selftest& test) {
  constexpr int64_t kClasses = 23, kPerClass = 7, kWidth = 72, kBatch = 19;
  Random random{test.seed()};
  const Floats anchors = filled(random, kClasses * kPerClass * kWidth), x = filled(random, kBatch * kWidth);
  const Floats wq = filled(random, kWidth * kWidth, 0.1), wk = filled(random, kWidth * kWidth, 0.1);
  const Floats gammaQ = filled(random, kWidth), betaQ = filled(random, kWidth),
               gammaK = filled(random, kWidth);
  const Floats dlogits = filled(random, kBatch * kClasses);
  const float scale = 2;
  std::vector<int32_t> counts(kClasses);
  for (int32_t& count : counts) count = static_cast<int32_t>(random.integer(1, kPerClass));
  const AnchorTableSource source{kClasses, kPerClass, kWidth, anchors.data(), counts.data()};
  std::shared_ptr<const AnchorTable> tables[2];
  const std::string op = "hosted anchor attention";
  if (!test.ok(op + ", table", AnchorTable::make(source, &tables[0]))) return;
  if (!test.ok(op + ", table there", AnchorTable::make(test.device(), source, &tables[1]))) return;
  const auto inputs = [&](int which) {
    AnchorAttentionInputs made;
    made.table = tables[which].get(), made.batch = kBatch, made.x = x.data(), made.wq = wq.data();
    made.wk = wk.data(), made.gammaQ = gammaQ.data(), made.betaQ = betaQ.data();
    made.gammaK = gammaK.data(), made.logitScale = &scale;
    return made;
  };
  Outputs weights, backward;
  weights.add("logits", kBatch * kClasses);
  for (const char* name : {"weights", "contributions"}) weights.add(name, kBatch * kClasses * kPerClass);
  compare(test, op, weights, 1e-3, [&](Device* device, int which) {
    AnchorAttentionWeights call;
    static_cast<AnchorAttentionInputs&>(call) = inputs(which);
    call.logits = weights.of(which, 0), call.weights = weights.of(which, 1);
    call.contributions = weights.of(which, 2);
    return device != nullptr ? hosted::anchorAttention(*device, call) : anchorAttention(call);
  });
  backward.add("dx", kBatch * kWidth);
  for (const char* name : {"dwq", "dwk"}) backward.add(name, kWidth * kWidth);
  for (const char* name : {"dgammaQ", "dbetaQ", "dgammaK"}) backward.add(name, kWidth);
  backward.add("dscale", 1);
  compare(test, op + " backward", backward, 2e-3, [&](Device* device, int which) {
    AnchorAttentionBackward call;
    static_cast<AnchorAttentionInputs&>(call) = inputs(which);
    call.dlogits = dlogits.data(), call.dx = backward.of(which, 0), call.dwq = backward.of(which, 1);
    call.dwk = backward.of(which, 2), call.dgammaQ = backward.of(which, 3);
    call.dbetaQ = backward.of(which, 4), call.dgammaK = backward.of(which, 5);
    call.dlogitScale = backward.of(which, 6);
    return device != nullptr ? hosted::anchorAttention(*device, call) : anchorAttention(call);
  });
}

}  // namespace

void checkHosted(Selftest& test) {
  checkStep(test);
  for (const bool teacher : {false, true}) checkLoss(test, teacher);
  checkAttention(test);
}

/** How fast arrays go there and back: the bytes are those over the bus. */
void timeHosted(Selftest& test) {
  Step step(Random{test.seed()}, 16'000'000);
  const double milliseconds = test.median(5, [&] { return step.run(&test.device(), 1); });
  test.timing({"hosted adamw", "16M", "fp32", milliseconds, 15.0 * 16e6, 4.0 * 7 * 16e6, 0});
}

}  // namespace vlltr
