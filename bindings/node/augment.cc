#include "vlltr/augment.h"

#include "node/arguments.h"
#include "node/methods.h"

namespace vlltr::node {
namespace {

constexpr int64_t kTables = 3 * 256;

/** The view of the arguments `pixels` and `size` (the first two) and `out`. */
View viewOf(Arguments& arguments, size_t out) {
  View view;
  view.size = arguments.whole(1, "size");
  const int64_t length = Arguments::product(Arguments::product(view.size, view.size), 3);
  view.pixels = arguments.bytes(0, "pixels", length);
  view.out = arguments.bytes(out, "out", length);
  return view;
}

/** Makes the call unless the arguments are not as they should be. */
template <class Call>
Napi::Value called(const Napi::CallbackInfo& info, const Arguments& arguments, const Call& call) {
  const Status status = arguments.status().ok() ? call() : arguments.status();
  if (!status.ok()) throwStatus(info.Env(), status);
  return info.Env().Undefined();
}

}  // namespace

Napi::Value countView(const Napi::CallbackInfo& info) {
  Arguments arguments("countView", info);
  int64_t count = 0;
  const uint8_t* pixels = arguments.pixels(0, "pixels", &count);
  int32_t* counts = arguments.integers(1, "counts", 4 * 256);
  return called(info, arguments, [&] { return vlltr::countView(pixels, count, counts); });
}

Napi::Value mapView(const Napi::CallbackInfo& info) {
  Arguments arguments("mapView", info);
  int64_t count = 0;
  const uint8_t* pixels = arguments.pixels(0, "pixels", &count);
  const uint8_t* tables = arguments.bytes(1, "tables", kTables);
  uint8_t* out = arguments.bytes(2, "out", 3 * count);
  return called(info, arguments, [&] { return vlltr::mapView(pixels, count, tables, out); });
}

Napi::Value blendView(const Napi::CallbackInfo& info) {
  Arguments arguments("blendView", info);
  const View view = viewOf(arguments, 4);
  const Plain plain = arguments.boolean(2, "smooth") ? Plain::kSmooth : Plain::kGrey;
  const double factor = arguments.number(3, "factor");
  return called(info, arguments, [&] { return vlltr::blendView(view, plain, factor); });
}

Napi::Value affineView(const Napi::CallbackInfo& info) {
  Arguments arguments("affineView", info);
  const View view = viewOf(arguments, 9);
  static constexpr const char* kNames[] = {"a", "b", "c", "d", "e", "f"};
  double coefficients[6];
  for (size_t i = 0; i < 6; ++i) coefficients[i] = arguments.number(2 + i, kNames[i]);
  const uint8_t* fill = arguments.bytes(8, "fill", 3);
  return called(info, arguments, [&] { return vlltr::affineView(view, coefficients, fill); });
}

Napi::Value slideView(const Napi::CallbackInfo& info) {
  Arguments arguments("slideView", info);
  const View view = viewOf(arguments, 6);
  const double slope = arguments.number(2, "slope"), shift = arguments.number(3, "shift");
  const bool down = arguments.boolean(4, "down");
  const uint8_t* fill = arguments.bytes(5, "fill", 3);
  return called(info, arguments, [&] { return vlltr::slideView(view, slope, shift, down, fill); });
}

Napi::Value normaliseView(const Napi::CallbackInfo& info) {
  Arguments arguments("normaliseView", info);
  int64_t count = 0;
  const uint8_t* pixels = arguments.pixels(0, "pixels", &count);
  const float* tables = arguments.floats(1, "tables", kTables);
  float* out = arguments.floats(2, "out", 3 * count);
  return called(info, arguments, [&] { return vlltr::normaliseView(pixels, count, tables, out); });
}

Napi::Value fillNoise(const Napi::CallbackInfo& info) {
  Arguments arguments("fillNoise", info);
  NoiseBox box;
  box.size = arguments.whole(1, "size");
  box.view = arguments.floats(0, "view", Arguments::product(Arguments::product(box.size, box.size), 3));
  box.left = arguments.whole(2, "left");
  box.top = arguments.whole(3, "top");
  box.width = arguments.whole(4, "width");
  box.height = arguments.whole(5, "height");
  box.key[0] = arguments.word(6, "key0");
  box.key[1] = arguments.word(7, "key1");
  box.radii = arguments.floats(8, "radii", kNoiseRadii);
  box.cosines = arguments.floats(9, "cosines", kNoiseAngles);
  return called(info, arguments, [&] { return vlltr::fillNoise(box); });
}

}  // namespace vlltr::node
