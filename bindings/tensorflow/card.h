#pragma once

#include <memory>

#include "devices.h"
#include "tensorflow/kernel.h"
#include "vlltr/resident.h"

namespace vlltr::tensorflow {

/** Memory of TensorFlow's for the time of a call, aligned as `LentMemory` is. */
Status lend(KernelCall& kernel, int64_t bytes, LentMemory* lent);

/**
 * Runs `enqueue(device, lent)` for a call whose outputs are allocated, on the card that TensorFlow computes
 * on.
 *
 * TensorFlow lets nobody enqueue on the stream of its own, so two waits stand in for the stream's order. The
 * first, for all that is enqueued on the card: by then inputs are written, and nobody reads or writes any
 * more what the allocator, which recycles memory in that stream's order, has just handed out again; so it
 * comes after the last allocation and before anything is enqueued here. The second, for our stream, also
 * where a call failed half-way: then TensorFlow may use what was written and recycle the rest.
 */
template <class Call, class Enqueue>
Status runOnCard(KernelCall& kernel, const Call& call, Enqueue enqueue) {
  std::shared_ptr<Device> device;
  VLLTR_RETURN_IF_ERROR(sharedDevice(kernel.card(), &device));
  int64_t bytes = 0;
  VLLTR_RETURN_IF_ERROR(resident::prepare(*device, call, &bytes));
  LentMemory lent;
  VLLTR_RETURN_IF_ERROR(lend(kernel, bytes, &lent));
  VLLTR_RETURN_IF_ERROR(device->synchronizeCard());
  const Status enqueued = enqueue(*device, lent), done = device->synchronize();
  return enqueued.ok() ? done : enqueued;
}

}  // namespace vlltr::tensorflow
