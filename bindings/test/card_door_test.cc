// The kernels that TensorFlow's ops have on a card, in the real TensorFlow, whose processor takes the card's
// place: CUDA is the emulator's (native/test/emulator). What they give is compared with the processor's
// kernels, which have their own proof. VLLTR_TEST_TENSORFLOW names the folder of TensorFlow's libraries;
// without it the test is skipped.
#include <functional>
#include <thread>

#include "card/adamw_case.h"
#include "card/attention_case.h"
#include "card/calls.h"
#include "card/checks.h"
#include "card/hazards.h"
#include "contrastive_case.h"
#include "memory.h"
#include "streams.h"

using namespace vlltr;
using namespace vlltr::tensorflow;

namespace {

/** Takes all that the card's own pool has. */
std::vector<DeviceMemory> exhaust(Device& device) {
  std::vector<DeviceMemory> taken;
  for (int64_t bytes = emulator::kDeviceBytes; bytes > 0; bytes /= 2) {
    DeviceMemory block;
    while (block.reserve(device, bytes).ok()) taken.push_back(std::move(block));
  }
  return taken;
}

/**
 * Without memory, and where a call fails half-way, ops fail in words, leave nothing under way, and go on. All
 * memory is TensorFlow's: they need none of the card's own.
 */
void testFailures(Session& session) {
  const AttentionCase attention(5, 7, 3, 33, Precision::kFloat32);
  AdamwCase adamw({3, 9000}, 1, 3);
  Case contrastive({37, 65}, 9);
  std::vector<Floats> outputs, forward;
  CHECK_OK(runContrastive(session, Way::kByItself, contrastive.inputs(), 0, &forward));
  const auto all = [&](const std::function<void(const std::function<Status()>&)>& check) {
    for (const Way way : kWays) {
      check([&] { return runAdamw(session, way, adamw.call, &outputs); });
      check([&] { return runContrastive(session, way, contrastive.inputs(), 0, &outputs); });
      check([&] { return runContrastiveGrad(session, way, contrastive.inputs(), 1, forward, &outputs); });
      check([&] {
        return runAttention(session, way, attention.number, attention.inputs(), attention.counts, 0,
                            &outputs);
      });
      check([&] {
        return runAttentionGrad(session, way, attention.number, attention.inputs(), attention.counts, {},
                                attention.dlogits, &outputs);
      });
    }
  };
  std::shared_ptr<Device> card;
  CHECK_OK(sharedDevice(0, &card));
  const std::vector<DeviceMemory> taken = exhaust(*card);
  all([](const std::function<Status()>& run) {
    const WithoutHazards safe;
    refuseWorkspace();
    refused(run(), "bytes of workspace: the card has no memory left");
    CHECK_OK(run());
    settled();
  });
  all([](const std::function<Status()>& run) {
    emulator::failLaunch(1);
    refused(run(), "CUDA, ");
    settled();
    CHECK_OK(run());
    settled();
  });
}

/** Calls of several threads at once give what they give alone. */
void testThreads(Session& session) {
  AdamwCase adamw({3, 9000, 77}, 1, 3);
  Case contrastive({37, 65}, 9);
  std::vector<Floats> step, losses;
  CHECK_OK(runAdamw(session, Way::kByItself, adamw.call, &step));
  CHECK_OK(runContrastive(session, Way::kByItself, contrastive.inputs(), 0, &losses));
  const auto repeat = [&] {
    for (int i = 0; i < 8; ++i) {
      std::vector<Floats> outputs;
      CHECK_OK(runAdamw(session, Way::kByItself, adamw.call, &outputs));
      CHECK(outputs == step);
      CHECK_OK(runContrastive(session, Way::kByItself, contrastive.inputs(), 0, &outputs));
      CHECK(outputs[0] == losses[0]);
    }
  };
  std::thread threads[] = {std::thread(repeat), std::thread(repeat), std::thread(repeat)};
  for (std::thread& thread : threads) thread.join();
  settled();
}

void testRegistration(const Session& session) {
  const auto& kernels = session.registration().kernels;
  CHECK(kernels.size() == 7);
  for (const auto& [op, devices] : kernels) CHECK(devices == std::vector<std::string>{"CPU"});
}

}  // namespace

int main() {
  const char* const folder = std::getenv("VLLTR_TEST_TENSORFLOW");
  if (folder == nullptr) {
    std::puts("skipped: VLLTR_TEST_TENSORFLOW names no TensorFlow");
    return kSkipped;
  }
  emulator::adoptHost();
  Session session(folder);
  testRegistration(session);
  testContrastive(session);
  testAdamw(session);
  testAttention(session);
  testFailures(session);
  testThreads(session);
  std::puts("card_door_test: ok");
  return 0;
}
