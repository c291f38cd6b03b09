#include "card/calls.h"

namespace vlltr::tensorflow {
namespace {

constexpr int kInt32 = 3;

template <class T>
Input input(int dtype, const T* data, const Shape& shape, bool late) {
  return {{{dtype, shape}, data, static_cast<size_t>(elements(shape)) * sizeof(T)}, late};
}

/** On the card, and written late. */
Input floats(const float* data, const Shape& shape) { return input(kFloat, data, shape, true); }
Input integers(const int32_t* data, const Shape& shape) { return input(kInt32, data, shape, false); }
/** Only its shape is looked at. */
Input empty(int64_t rows) { return input<float>(kFloat, nullptr, {rows, 0}, false); }

OpAttribute number(const char* name, double value) {
  return {name, kFloatType, false, "", {}, {static_cast<float>(value)}};
}
OpAttribute flag(const char* name, bool value) { return {name, kBool, false, "", {value}, {}}; }

FunctionOp op(const char* name, std::vector<OpAttribute> attributes, int outputs) {
  return {"", name, std::move(attributes), {}, outputs};
}

std::vector<OpAttribute> attributesOf(const ContrastiveInputs& call) {
  return {number("smoothing", static_cast<double>(call.smoothing)),
          number("distill_weight", static_cast<double>(call.distillWeight)),
          flag("reduced", call.precision == Precision::kBfloat16)};
}

std::vector<Input> inputsOf(const ContrastiveInputs& call) {
  static const float none = 0;
  const int64_t n = call.rows, d = call.student.width, e = call.teacher.width;
  return {floats(call.student.image, {n, d}),
          floats(call.student.text, {n, d}),
          integers(call.rowLabels, {n}),
          floats(call.student.logitScale, {}),
          floats(call.teacher.image, {n, e}),
          floats(call.teacher.text, {n, e}),
          floats(e > 0 ? call.teacher.logitScale : &none, {})};
}

std::vector<Input> inputsOf(const int32_t& table, const AnchorAttentionInputs& call,
                            const std::vector<int32_t>& counts) {
  const int64_t d = call.table->width();
  return {integers(&table, {}),
          integers(counts.data(), {static_cast<int64_t>(counts.size())}),
          floats(call.x, {call.batch, d}),
          floats(call.wq, {d, d}),
          floats(call.wk, {d, d}),
          floats(call.gammaQ, {d}),
          floats(call.betaQ, {d}),
          floats(call.gammaK, {d}),
          floats(call.logitScale, {})};
}

int64_t sizeOf(const Floats& values) { return static_cast<int64_t>(values.size()); }

}  // namespace

Status runAdamw(Session& session, Way way, const Adamw& call, std::vector<Floats>* outputs) {
  const auto count = static_cast<int64_t>(call.parameters.size());
  const auto rate = static_cast<float>(call.learningRate), step = static_cast<float>(call.step);
  Floats rules;
  for (const AdamwParameter& p : call.parameters) {
    for (const float rule : {p.weightDecay, p.rate, p.upperBound}) rules.push_back(rule);
  }
  std::vector<Input> inputs = {floats(call.params, {call.size}), floats(call.m, {call.size}),
                               floats(call.v, {call.size})};
  // These three are in the host's memory.
  inputs.push_back(input(kFloat, &rate, {}, false));
  inputs.push_back(input(kFloat, &step, {}, false));
  inputs.push_back(input(kFloat, rules.data(), {count, 3}, false));
  for (const AdamwParameter& p : call.parameters) inputs.push_back(floats(p.grad, {p.length}));
  const std::vector<OpAttribute> attributes = {{"count", kInt, false, "", {count}, {}},
                                               number("one_minus_beta1", 1 - call.beta1),
                                               number("one_minus_beta2", 1 - call.beta2),
                                               number("epsilon", call.epsilon),
                                               number("clip_norm", call.clipNorm)};
  return session.run(way, op("VlltrAdamw", attributes, 4), inputs, outputs);
}

Status runContrastive(Session& session, Way way, const ContrastiveInputs& call, int64_t kept,
                      std::vector<Floats>* outputs) {
  std::vector<Input> inputs = inputsOf(call);
  inputs.push_back(empty(kept));
  return session.run(way, op("VlltrContrastive", attributesOf(call), 4), inputs, outputs);
}

Status runContrastiveGrad(Session& session, Way way, const ContrastiveInputs& call, float dloss,
                          const std::vector<Floats>& forward, std::vector<Floats>* outputs) {
  std::vector<Input> inputs = inputsOf(call);
  const float dlosses[3] = {dloss, 0, 0};
  inputs.push_back(floats(dlosses, {3}));
  for (const size_t side : {1, 2}) inputs.push_back(floats(forward[side].data(), {3, call.rows}));
  inputs.push_back(floats(forward[3].data(), {sizeOf(forward[3])}));
  return session.run(way, op("VlltrContrastiveGrad", attributesOf(call), 3), inputs, outputs);
}

Status runAttention(Session& session, Way way, int32_t table, const AnchorAttentionInputs& call,
                    const std::vector<int32_t>& counts, int64_t kept, std::vector<Floats>* outputs) {
  std::vector<Input> inputs = inputsOf(table, call, counts);
  inputs.push_back(empty(kept));
  return session.run(way, op("VlltrAnchorAttention", {}, 2), inputs, outputs);
}

Status runAttentionGrad(Session& session, Way way, int32_t table, const AnchorAttentionInputs& call,
                        const std::vector<int32_t>& counts, const Floats& kept, const Floats& dlogits,
                        std::vector<Floats>* outputs) {
  std::vector<Input> inputs = inputsOf(table, call, counts);
  inputs.push_back(floats(dlogits.data(), {call.batch, call.table->classes()}));
  inputs.push_back(floats(kept.data(), {sizeOf(kept)}));
  const std::vector<OpAttribute> attributes = {flag("detach_norm", call.detachNorm)};
  return session.run(way, op("VlltrAnchorAttentionGrad", attributes, 7), inputs, outputs);
}

}  // namespace vlltr::tensorflow
