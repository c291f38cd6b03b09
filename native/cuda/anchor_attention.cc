#include "cuda/anchor_attention.h"

#include <algorithm>
#include <atomic>
#include <limits>
#include <string>
#include <vector>

#include "cuda/anchor_attend.h"
#include "cuda/anchor_hopper.h"
#include "cuda/anchor_products.h"
#include "cuda/anchor_query.h"
#include "cuda/anchor_table.h"
#include "cuda/enqueue.h"
#include "ops/anchor_attention_checks.h"
#include "ops/anchor_table.h"
#include "ops/arguments.h"

namespace vlltr::cuda {
namespace {

constexpr const char* kOp = "anchorAttention";
// Of the scores of one chunk: some stay in the L2 cache, and products are large enough to fill a card.
constexpr int64_t kScoreBytes = int64_t{64} << 20;

std::atomic<int64_t> chunkAnchors = 0;

std::string described(const Card& card) {
  return "card " + std::to_string(card.ordinal) + " (" + card.name + ")";
}

/** Whole classes, as many as `mostRows` anchors allow; a class with more is alone. */
std::vector<AnchorChunk> chunks(const AnchorTable::Data& table, int64_t mostRows) {
  std::vector<AnchorChunk> made;
  for (int64_t c = 0; c < table.classes;) {
    int64_t end = c + 1;
    const auto row = [&](int64_t at) { return table.firstRow[static_cast<size_t>(at)]; };
    while (end < table.classes && row(end + 1) - row(c) <= mostRows) ++end;
    made.push_back({c, end - c, row(c), row(end) - row(c)});
    c = end;
  }
  return made;
}

/** How a call is done, and all that it holds beyond its inputs and outputs. */
struct Plan {
  const Device& device;
  const AnchorTable::Data& table;
  int64_t batch;
  bool hopper;  // by anchor_hopper.h
  std::vector<AnchorChunk> parts;
  int64_t mostRows = 0, mostClasses = 0;
  int64_t gradientParts = 1, scaleTerms, turns = 0;

  Plan(const Device& on, const AnchorTable::Data& data, int64_t images, bool gradient)
      : device(on),
        table(data),
        batch(images),
        hopper(images > 0 && takesHopperAttention(on, *data.device, data.rows(), data.classes)) {
    const int64_t lines = std::max<int64_t>(1, 2 * batch);
    // Of an anchor and a line: a score, or a gradient.
    const int64_t bytes = hopper ? (table.split() ? 2 : 4) : 4;
    constexpr int64_t kLeastRows = 1024;
    const bool all = hopper && !gradient;
    const int64_t suits = all ? table.rows() : std::max(kLeastRows, kScoreBytes / bytes / lines);
    const int64_t asked = chunkAnchors;
    parts = chunks(table, asked > 0 ? asked : suits);
    for (const AnchorChunk& chunk : parts) {
      mostRows = std::max(mostRows, chunk.rows);
      mostClasses = std::max(mostClasses, chunk.classes);
      if (!hopper) continue;
      gradientParts =
          std::max(gradientParts, hopperGradientParts(device, *table.device, batch, table.width, chunk));
    }
    if (hopper) {
      turns = hopperTurns(batch, mostClasses);
      scaleTerms = hopperScaleTerms(device);
    } else {
      gradientParts = cuda::gradientParts(batch, table.width, mostRows, device.card().multiprocessors);
      scaleTerms = table.classes * attendTiles(batch, *table.device);
    }
  }
};

struct Memory {
  AnchorQuery query;
  AnchorScores scores;
  int* turns;

  Memory(Arena& arena, const Plan& plan, bool gradient)
      : query(arena, plan.batch, plan.table.width, plan.table.device->stride),
        scores(arena, plan.batch, plan.mostRows, plan.mostClasses, plan.table.split(), !plan.hopper,
               gradient),
        turns(arena.take<int>(plan.turns)) {}
};

struct GradientMemory : Memory {
  AnchorQueryGradient queryGradient;
  float* partial;      // [parts][2 B, D]
  double* scaleTerms;  // [plan.scaleTerms]

  GradientMemory(Arena& arena, const Plan& plan)
      : Memory(arena, plan, true), queryGradient(arena, plan.batch, plan.table.width) {
    partial = arena.take<float>(plan.gradientParts * 2 * plan.batch * plan.table.width);
    scaleTerms = arena.take<double>(plan.scaleTerms);
  }
};

AttendCall attendCall(const Plan& plan, const AnchorChunk& chunk, const Memory& memory) {
  return {plan.table.device.get(), chunk, memory.scores, plan.batch, plan.table.classes, plan.table.perClass,
          memory.query.scale};
}

/** Scores of a chunk's anchors, and the attention to them. */
Status attendToChunk(Device& device, const Plan& plan, const Memory& memory, const AttendCall& with) {
  const AnchorTable::Data& table = plan.table;
  const cudaStream_t stream = device.data().stream;
  if (!plan.hopper) {
    VLLTR_RETURN_IF_ERROR(score(stream, *table.device, memory.query, with.chunk, memory.scores));
    return attend(stream, with);
  }
  if (table.split()) VLLTR_RETURN_IF_ERROR(scoreMeansHopper(device, with, memory.query, memory.turns));
  return attendHopper(device, with, memory.query);
}

Status accumulateChunk(Device& device, const Plan& plan, const GradientMemory& memory,
                       const AnchorChunk& chunk, bool first) {
  const AnchorTableMemory& table = *plan.table.device;
  if (plan.hopper) {
    return accumulateHopper(device, table, memory.query, chunk, memory.scores, first, memory.partial);
  }
  return accumulate(device.data().stream, table, memory.query, chunk, memory.scores, plan.gradientParts,
                    first, memory.partial);
}

/** What the calls add to is 0 at first. */
Status clear(Device& device, const Plan& plan, const Memory& memory) {
  return plan.turns == 0 ? Status() : device.fill(memory.turns, 0, plan.turns * int64_t{sizeof(int)});
}

Status clear(Device& device, const Plan& plan, const GradientMemory& memory) {
  VLLTR_RETURN_IF_ERROR(clear(device, plan, static_cast<const Memory&>(memory)));
  if (plan.hopper) {
    VLLTR_RETURN_IF_ERROR(device.fill(memory.scaleTerms, 0, plan.scaleTerms * int64_t{sizeof(double)}));
  }
  if (plan.batch == 0 || !(plan.hopper || plan.table.rows() == 0)) return Status();
  const int64_t floats = plan.gradientParts * 2 * plan.batch * plan.table.width;
  return device.fill(memory.partial, 0, floats * int64_t{sizeof(float)});
}

Status infer(Device& device, const AnchorAttentionInputs& call, const LentMemory& lent, float* logits,
             float* weights = nullptr, float* contributions = nullptr) {
  const Plan plan(device, call.table->data(), call.batch, false);
  Arena count;
  Memory(count, plan, false);
  return enqueueWith(device, count.bytes(), lent, [&](Arena& arena) -> Status {
    const Memory memory(arena, plan, false);
    VLLTR_RETURN_IF_ERROR(clear(device, plan, memory));
    VLLTR_RETURN_IF_ERROR(makeQuery(device.data().stream, call, memory.query));
    for (const AnchorChunk& chunk : plan.parts) {
      AttendCall with = attendCall(plan, chunk, memory);
      with.logits = logits, with.weights = weights, with.contributions = contributions;
      VLLTR_RETURN_IF_ERROR(attendToChunk(device, plan, memory, with));
    }
    return Status();
  });
}

}  // namespace

Status checkAnchorAttention(const Device& device, const AnchorAttentionInputs& call) {
  if (call.table == nullptr) return invalidArgument("anchorAttention: the table is null");
  const AnchorTable::Data& table = call.table->data();
  if (table.device == nullptr || table.device->device != &device) {
    const std::string place =
        table.device == nullptr ? "in the host's memory" : "on " + described(table.device->device->card());
    return invalidArgument("anchorAttention: the table is " + place + ", expected one on " +
                           described(device.card()));
  }
  VLLTR_RETURN_IF_ERROR(checkMatrix(kOp, call.batch, table.width));
  VLLTR_RETURN_IF_ERROR(checkMatrix(kOp, call.batch, table.classes * table.perClass));
  constexpr int64_t kMostImages = 1 << 19;
  if (call.batch <= kMostImages) return Status();
  return invalidArgument("anchorAttention: " + std::to_string(call.batch) + " images, expected at most " +
                         std::to_string(kMostImages) + " on a device");
}

Status anchorAttention(Device& device, const AnchorAttentionForward& call, const LentMemory& lent) {
  VLLTR_RETURN_IF_ERROR(checkAnchorAttention(device, call));
  VLLTR_RETURN_IF_ERROR(checkAnchorAttentionArrays(call));
  if (call.batch == 0) return Status();
  return infer(device, call, lent, call.logits);
}

Status anchorAttention(Device& device, const AnchorAttentionWeights& call) {
  VLLTR_RETURN_IF_ERROR(checkAnchorAttention(device, call));
  VLLTR_RETURN_IF_ERROR(checkAnchorAttentionArrays(call));
  if (call.batch == 0) return Status();
  return infer(device, call, {}, call.logits, call.weights, call.contributions);
}

Status anchorAttention(Device& device, const AnchorAttentionBackward& call, const LentMemory& lent) {
  VLLTR_RETURN_IF_ERROR(checkAnchorAttention(device, call));
  VLLTR_RETURN_IF_ERROR(checkAnchorAttentionArrays(call));
  const Plan plan(device, call.table->data(), call.batch, true);
  Arena count;
  GradientMemory(count, plan);
  return enqueueWith(device, count.bytes(), lent, [&](Arena& arena) -> Status {
    const cudaStream_t stream = device.data().stream;
    const GradientMemory memory(arena, plan);
    VLLTR_RETURN_IF_ERROR(clear(device, plan, memory));
    VLLTR_RETURN_IF_ERROR(makeQuery(stream, call, memory.query));
    bool first = true;
    for (const AnchorChunk& chunk : plan.parts) {
      if (call.batch == 0) break;
      AttendCall with = attendCall(plan, chunk, memory);
      with.dlogits = call.dlogits, with.detachNorm = call.detachNorm, with.scaleTerms = memory.scaleTerms;
      VLLTR_RETURN_IF_ERROR(attendToChunk(device, plan, memory, with));
      if (chunk.rows == 0) continue;
      VLLTR_RETURN_IF_ERROR(accumulateChunk(device, plan, memory, chunk, first));
      first = false;
    }
    VLLTR_RETURN_IF_ERROR(sumScaleTerms(stream, memory.scaleTerms, plan.scaleTerms, call.dlogitScale));
    return queryGradient(stream, call, memory.query, memory.queryGradient, memory.partial,
                         static_cast<int>(plan.gradientParts));
  });
}

void setAnchorChunk(int64_t anchors) { chunkAnchors = anchors; }

int64_t anchorAttentionWorkspace(const Device& device, const AnchorTable& table, int64_t batch,
                                 bool gradient) {
  const Plan plan(device, table.data(), batch, gradient);
  Arena count;
  if (gradient) {
    GradientMemory(count, plan);
  } else {
    Memory(count, plan, false);
  }
  return count.bytes();
}

}  // namespace vlltr::cuda
