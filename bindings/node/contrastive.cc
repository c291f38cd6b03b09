#include "vlltr/contrastive.h"

#include "node/async.h"
#include "node/environment.h"
#include "node/methods.h"
#include "vlltr/hosted.h"

namespace vlltr::node {
namespace {

/** Three vectors of `lines` one behind the other. */
ContrastiveStatistics statistics(float* memory, int64_t lines) {
  return {memory, memory + lines, memory + 2 * lines};
}

/** Reads what both directions begin with: features, labels and scales at 0 to 6, constants at 7 to 9. */
struct Call {
  Arguments arguments;
  int64_t pairs = 0;

  Call(const char* method, const Napi::CallbackInfo& info, ContrastiveInputs* inputs)
      : arguments(method, info) {
    const int32_t* labels = arguments.integers(2, "labels", &pairs);
    inputs->rows = inputs->columns = pairs;
    inputs->rowLabels = inputs->columnLabels = labels;
    inputs->student = features(0, "image", "text", "logitScale", 3);
    inputs->teacher = features(4, "teacherImage", "teacherText", "teacherLogitScale", 6);
    inputs->smoothing = static_cast<float>(arguments.number(7, "smoothing"));
    inputs->distillWeight = static_cast<float>(arguments.number(8, "distillWeight"));
    inputs->precision = arguments.boolean(9, "bfloat16") ? Precision::kBfloat16 : Precision::kFloat32;
  }

  ContrastiveFeatures features(size_t at, const char* image, const char* text, const char* scale,
                               size_t scaleAt) {
    ContrastiveFeatures read;
    read.width = pairs > 0 ? arguments.length(at, image) / pairs : 0;
    const int64_t size = Arguments::product(pairs, read.width);
    read.image = arguments.floats(at, image, size);
    read.text = arguments.floats(at + 1, text, size);
    read.logitScale = arguments.floats(scaleAt, scale, 1);
    return read;
  }

  ContrastiveStatistics lines(size_t index, const char* name) {
    float* memory = arguments.floats(index, name, Arguments::product(3, pairs));
    return memory == nullptr ? ContrastiveStatistics() : statistics(memory, pairs);
  }

  /** Similarities, or null where the array is empty. */
  float* kept(size_t index, bool teacher) {
    if (arguments.length(index, "kept") == 0) return nullptr;
    return arguments.floats(index, "kept",
                            Arguments::product(Arguments::product(pairs, pairs), teacher ? 2 : 1));
  }
};

}  // namespace

Napi::Value contrastiveForward(const Napi::CallbackInfo& info) {
  ContrastiveForward forward;
  Call call("contrastiveForward", info, &forward);
  ContrastiveLosses losses;
  losses.losses = call.arguments.floats(10, "losses", 3);
  losses.columns = call.pairs, losses.distillWeight = forward.distillWeight;
  losses.teacher = forward.teacher.width > 0;
  losses.rowStatistics = forward.rowStatistics = call.lines(11, "rows");
  losses.columnStatistics = forward.columnStatistics = call.lines(12, "columns");
  forward.kept = call.kept(13, losses.teacher);
  return finish(
      info, call.arguments.status(),
      [forward, losses, device = Environment::of(info.Env()).device]() mutable {
        float targetSum = 0;
        losses.targetSum = forward.targetSum = &targetSum;
        VLLTR_RETURN_IF_ERROR(device ? hosted::contrastive(*device, forward) : contrastive(forward));
        return contrastive(losses);
      });
}

Napi::Value contrastiveBackward(const Napi::CallbackInfo& info) {
  ContrastiveBackward backward;
  Call call("contrastiveBackward", info, &backward);
  backward.rowStatistics = call.lines(10, "rows");
  backward.columnStatistics = call.lines(11, "columns");
  backward.kept = call.kept(12, backward.teacher.width > 0);
  backward.dloss = call.arguments.floats(13, "dlosses", 3);
  const int64_t size = Arguments::product(call.pairs, backward.student.width);
  backward.dimage = call.arguments.floats(14, "dimage", size);
  backward.dtext = call.arguments.floats(15, "dtext", size);
  backward.dlogitScale = call.arguments.floats(16, "dlogitScale", 1);
  return finish(info, call.arguments.status(), [backward, device = Environment::of(info.Env()).device] {
    return device ? hosted::contrastive(*device, backward) : contrastive(backward);
  });
}

}  // namespace vlltr::node
