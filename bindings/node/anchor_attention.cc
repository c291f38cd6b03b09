#include "vlltr/anchor_attention.h"

#include "anchor_tables.h"
#include "node/async.h"
#include "node/environment.h"
#include "node/methods.h"
#include "vlltr/hosted.h"

namespace vlltr::node {
namespace {

/** Reads what all calls begin with: the table at index 0, then x and the head's parameters from index 1 on.
 */
struct Call {
  Arguments arguments;
  std::shared_ptr<const AnchorTable> table;
  Status found;
  int64_t pairs = 0;

  Call(const char* method, const Napi::CallbackInfo& info, AnchorAttentionInputs* inputs)
      : arguments(method, info) {
    const auto number = static_cast<int32_t>(arguments.number(0, "table"));
    if (!arguments.status().ok()) return;
    found = findAnchorTable(number, &table);
    if (!found.ok()) return;
    const int64_t d = table->width(), size = arguments.length(1, "x");
    inputs->table = table.get();
    inputs->batch = size / d;
    inputs->x = arguments.floats(1, "x", inputs->batch * d);
    inputs->wq = arguments.floats(2, "wq", Arguments::product(d, d));
    inputs->wk = arguments.floats(3, "wk", Arguments::product(d, d));
    inputs->gammaQ = arguments.floats(4, "gammaQ", d);
    inputs->betaQ = arguments.floats(5, "betaQ", d);
    inputs->gammaK = arguments.floats(6, "gammaK", d);
    inputs->logitScale = arguments.floats(7, "logitScale", 1);
    pairs = inputs->batch * table->classes();
  }

  template <class Attention>
  Napi::Value run(const Napi::CallbackInfo& info, const Attention& attention) {
    const Status& read = arguments.status();
    return finish(info, read.ok() ? found : read,
                  [attention, kept = table, device = Environment::of(info.Env()).device] {
                    return device ? hosted::anchorAttention(*device, attention) : anchorAttention(attention);
                  });
  }
  /** What the forward pass keeps, or null where the array is empty. */
  float* kept(size_t index) {
    if (arguments.length(index, "kept") == 0) return nullptr;
    const int64_t batch = pairs / table->classes();
    return arguments.floats(index, "kept", anchorAttentionKept(*table, batch));
  }
  bool ready() const { return arguments.status().ok() && found.ok(); }
};

}  // namespace

Napi::Value newAnchorTable(const Napi::CallbackInfo& info) {
  Arguments arguments("newAnchorTable", info);
  AnchorTableSource source;
  source.counts = arguments.integers(1, "counts", &source.classes);
  source.perClass = static_cast<int64_t>(arguments.number(2, "perClass"));
  source.width = static_cast<int64_t>(arguments.number(3, "width"));
  source.anchors = arguments.floats(
      0, "anchors", Arguments::product(Arguments::product(source.classes, source.perClass), source.width));
  source.precision = arguments.boolean(4, "bfloat16") ? Precision::kBfloat16 : Precision::kFloat32;
  std::shared_ptr<const AnchorTable> table;
  Status status = arguments.status();
  const std::shared_ptr<Device> device = Environment::of(info.Env()).device;
  if (status.ok()) {
    status = device ? AnchorTable::make(*device, source, &table) : AnchorTable::make(source, &table);
  }
  if (!status.ok()) throwStatus(info.Env(), status);
  const int32_t number = addAnchorTable(std::move(table));
  Environment::of(info.Env()).anchorTables.insert(number);
  return Napi::Number::New(info.Env(), number);
}

Napi::Value deleteAnchorTable(const Napi::CallbackInfo& info) {
  Arguments arguments("deleteAnchorTable", info);
  const auto number = static_cast<int32_t>(arguments.number(0, "table"));
  Status status = arguments.status();
  if (status.ok() && !removeAnchorTable(number)) {
    status = invalidArgument("deleteAnchorTable: there is no anchor table " + std::to_string(number));
  }
  if (!status.ok()) throwStatus(info.Env(), status);
  Environment::of(info.Env()).anchorTables.erase(number);
  return info.Env().Undefined();
}

Napi::Value anchorAttentionForward(const Napi::CallbackInfo& info) {
  AnchorAttentionForward forward;
  Call call("anchorAttentionForward", info, &forward);
  if (call.ready()) {
    forward.logits = call.arguments.floats(8, "logits", call.pairs);
    forward.kept = call.kept(9);
  }
  return call.run(info, forward);
}

Napi::Value anchorAttentionBackward(const Napi::CallbackInfo& info) {
  AnchorAttentionBackward backward;
  Call call("anchorAttentionBackward", info, &backward);
  if (call.ready()) {
    const int64_t d = call.table->width();
    backward.detachNorm = call.arguments.boolean(8, "detachNorm");
    backward.kept = call.kept(9);
    backward.dlogits = call.arguments.floats(10, "dlogits", call.pairs);
    backward.dx = call.arguments.floats(11, "dx", backward.batch * d);
    backward.dwq = call.arguments.floats(12, "dwq", d * d);
    backward.dwk = call.arguments.floats(13, "dwk", d * d);
    backward.dgammaQ = call.arguments.floats(14, "dgammaQ", d);
    backward.dbetaQ = call.arguments.floats(15, "dbetaQ", d);
    backward.dgammaK = call.arguments.floats(16, "dgammaK", d);
    backward.dlogitScale = call.arguments.floats(17, "dlogitScale", 1);
  }
  return call.run(info, backward);
}

Napi::Value anchorAttentionWeights(const Napi::CallbackInfo& info) {
  AnchorAttentionWeights weights;
  Call call("anchorAttentionWeights", info, &weights);
  if (call.ready()) {
    const int64_t all = Arguments::product(call.pairs, call.table->perClass());
    weights.logits = call.arguments.floats(8, "logits", call.pairs);
    weights.weights = call.arguments.floats(9, "weights", all);
    weights.contributions = call.arguments.floats(10, "contributions", all);
  }
  return call.run(info, weights);
}

}  // namespace vlltr::node
