#include "vlltr/device.h"

#include <memory>
#include <string>

#include "devices.h"
#include "node/async.h"
#include "node/environment.h"
#include "node/methods.h"
#include "selftest/report.h"

namespace vlltr::node {
namespace {

Napi::Value cardOf(Napi::Env env, const Card& card) {
  const auto version = [](int major, int minor) {
    return std::to_string(major) + "." + std::to_string(minor);
  };
  Napi::Object object = Napi::Object::New(env);
  object.Set("name", card.name);
  object.Set("capability", version(card.major, card.minor));
  object.Set("memory", static_cast<double>(card.memory));
  object.Set("driver", version(card.driver / 1000, card.driver % 1000 / 10));
  return object;
}

}  // namespace

Napi::Value cuda(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Object result = Napi::Object::New(env);
  Napi::Array cards = Napi::Array::New(env), ops = Napi::Array::New(env);
  int count = 0;
  Status status = Device::count(&count);
  for (int ordinal = 0; ordinal < count && status.ok(); ++ordinal) {
    Card card;
    status = Device::describe(ordinal, &card);
    if (status.ok()) cards.Set(cards.Length(), cardOf(env, card));
  }
#if defined(VLLTR_CUDA)
  for (const std::string& op : selftestOps()) ops.Set(ops.Length(), op);
  result.Set("built", true);
#else
  result.Set("built", false);
#endif
  result.Set("cards", cards);
  result.Set("checked", ops);
  if (!status.ok()) result.Set("why", status.message());
  return result;
}

Napi::Value useDevice(const Napi::CallbackInfo& info) {
  Arguments arguments("useDevice", info);
  const auto ordinal = static_cast<int>(arguments.number(0, "device"));
  std::shared_ptr<Device> device;
  Status status = arguments.status();
  if (status.ok() && ordinal >= 0) status = sharedDevice(ordinal, &device);
  if (!status.ok()) throwStatus(info.Env(), status);
  Environment::of(info.Env()).device = std::move(device);
  return info.Env().Undefined();
}

Napi::Value selftest(const Napi::CallbackInfo& info) {
  Arguments arguments("selftest", info);
  const auto device = static_cast<int>(arguments.number(0, "device"));
  const std::string op = arguments.text(1, "op");
  const auto seed = static_cast<uint64_t>(arguments.number(2, "seed"));
  const bool bench = arguments.boolean(3, "bench");
  if (!arguments.status().ok()) throwStatus(info.Env(), arguments.status());
  const auto report = std::make_shared<SelftestReport>();
  const auto run = [=] {
    const SelftestOptions options = {{op}, seed, device, bench};
    const auto silent = [](const std::string&) {};
    if (device < 0) return runCpuSelftest(options, silent, report.get());
#if defined(VLLTR_CUDA)
    return runSelftest(options, silent, report.get());
#else
    int cards = 0;
    return Device::count(&cards);
#endif
  };
  return Async::run(info.Env(), run, [=](Napi::Env env) { return Napi::String::New(env, report->json()); });
}

}  // namespace vlltr::node
