#include "cuda/anchor_attention.h"

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "cuda/anchor_attend.h"
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

Status checkInputs(const Device& device, const AnchorAttentionInputs& call) {
  if (call.table == nullptr) return invalidArgument("anchorAttention: the table is null");
  const AnchorTable::Data& table = call.table->data();
  if (table.device == nullptr || table.device->device != &device) {
    return invalidArgument("anchorAttention: the table is not on this device");
  }
  VLLTR_RETURN_IF_ERROR(checkMatrix(kOp, call.batch, table.width));
  VLLTR_RETURN_IF_ERROR(checkMatrix(kOp, call.batch, table.classes * table.perClass));
  constexpr int64_t kMostImages = 1 << 19;
  if (call.batch <= kMostImages) return Status();
  return invalidArgument("anchorAttention: " + std::to_string(call.batch) + " images, expected at most " +
                         std::to_string(kMostImages) + " on a device");
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

/** All that a call holds beyond its inputs and outputs. */
struct Plan {
  const AnchorTable::Data& table;
  int64_t batch;
  std::vector<AnchorChunk> parts;
  int64_t mostRows = 0, mostClasses = 0;
  int64_t gradientParts = 1, attendTiles;

  Plan(const AnchorTable::Data& data, int64_t images, int multiprocessors) : table(data), batch(images) {
    constexpr int64_t kLeastRows = 1024;
    parts = chunks(table, std::max(kLeastRows, kScoreBytes / 8 / std::max<int64_t>(1, batch)));
    for (const AnchorChunk& chunk : parts) {
      mostRows = std::max(mostRows, chunk.rows);
      mostClasses = std::max(mostClasses, chunk.classes);
    }
    gradientParts = cuda::gradientParts(batch, table.width, mostRows, multiprocessors);
    attendTiles = cuda::attendTiles(batch, *table.device);
  }
};

struct Memory {
  AnchorQuery query;
  AnchorScores scores;

  Memory(Arena& arena, const Plan& plan, bool gradient)
      : query(arena, plan.batch, plan.table.width, plan.table.device->stride),
        scores(arena, plan.batch, plan.mostRows, plan.mostClasses, plan.table.split(), gradient) {}
};

struct GradientMemory : Memory {
  AnchorQueryGradient queryGradient;
  float* partial;      // [parts][2 B, D]
  double* scaleTerms;  // [C, attendTiles]

  GradientMemory(Arena& arena, const Plan& plan)
      : Memory(arena, plan, true), queryGradient(arena, plan.batch, plan.table.width) {
    partial = arena.take<float>(plan.gradientParts * 2 * plan.batch * plan.table.width);
    scaleTerms = arena.take<double>(plan.table.classes * plan.attendTiles);
  }
};

AttendCall attendCall(const Plan& plan, const AnchorChunk& chunk, const Memory& memory) {
  return {plan.table.device.get(), chunk, memory.scores, plan.batch, plan.table.classes, plan.table.perClass,
          memory.query.scale};
}

Status infer(Device& device, const AnchorAttentionInputs& call, float* logits, float* weights,
             float* contributions) {
  const AnchorTable::Data& table = call.table->data();
  const Plan plan(table, call.batch, device.card().multiprocessors);
  Arena count;
  Memory(count, plan, false);
  return enqueueWith(device, count.bytes(), [&](Arena& arena) -> Status {
    const cudaStream_t stream = device.data().stream;
    const Memory memory(arena, plan, false);
    VLLTR_RETURN_IF_ERROR(makeQuery(stream, call, memory.query));
    for (const AnchorChunk& chunk : plan.parts) {
      VLLTR_RETURN_IF_ERROR(score(stream, *table.device, memory.query, chunk, memory.scores));
      AttendCall with = attendCall(plan, chunk, memory);
      with.logits = logits, with.weights = weights, with.contributions = contributions;
      VLLTR_RETURN_IF_ERROR(attend(stream, with));
    }
    return Status();
  });
}

}  // namespace

Status anchorAttention(Device& device, const AnchorAttentionForward& call) {
  VLLTR_RETURN_IF_ERROR(checkInputs(device, call));
  VLLTR_RETURN_IF_ERROR(checkAnchorAttentionArrays(call));
  if (call.batch == 0) return Status();
  return infer(device, call, call.logits, nullptr, nullptr);
}

Status anchorAttention(Device& device, const AnchorAttentionWeights& call) {
  VLLTR_RETURN_IF_ERROR(checkInputs(device, call));
  VLLTR_RETURN_IF_ERROR(checkAnchorAttentionArrays(call));
  if (call.batch == 0) return Status();
  return infer(device, call, call.logits, call.weights, call.contributions);
}

Status anchorAttention(Device& device, const AnchorAttentionBackward& call) {
  VLLTR_RETURN_IF_ERROR(checkInputs(device, call));
  const AnchorTable::Data& table = call.table->data();
  VLLTR_RETURN_IF_ERROR(checkAnchorAttentionArrays(call));
  const Plan plan(table, call.batch, device.card().multiprocessors);
  Arena count;
  GradientMemory(count, plan);
  return enqueueWith(device, count.bytes(), [&](Arena& arena) -> Status {
    const cudaStream_t stream = device.data().stream;
    const GradientMemory memory(arena, plan);
    VLLTR_RETURN_IF_ERROR(makeQuery(stream, call, memory.query));
    bool first = true;
    if (call.batch > 0) {
      for (const AnchorChunk& chunk : plan.parts) {
        VLLTR_RETURN_IF_ERROR(score(stream, *table.device, memory.query, chunk, memory.scores));
        AttendCall with = attendCall(plan, chunk, memory);
        with.dlogits = call.dlogits, with.detachNorm = call.detachNorm, with.scaleTerms = memory.scaleTerms;
        VLLTR_RETURN_IF_ERROR(attend(stream, with));
        if (chunk.rows == 0) continue;
        VLLTR_RETURN_IF_ERROR(accumulate(stream, *table.device, memory.query, chunk, memory.scores,
                                         plan.gradientParts, first, memory.partial));
        first = false;
      }
      if (first) {
        VLLTR_RETURN_IF_ERROR(device.fill(
            memory.partial, 0, plan.gradientParts * 2 * call.batch * table.width * int64_t{sizeof(float)}));
      }
    }
    VLLTR_RETURN_IF_ERROR(
        sumScaleTerms(stream, memory.scaleTerms, table.classes * plan.attendTiles, call.dlogitScale));
    return queryGradient(stream, call, memory.query, memory.queryGradient, memory.partial,
                         static_cast<int>(plan.gradientParts));
  });
}

int64_t anchorAttentionWorkspace(const Device& device, const AnchorTable& table, int64_t batch,
                                 bool gradient) {
  const Plan plan(table.data(), batch, device.card().multiprocessors);
  Arena count;
  if (gradient) {
    GradientMemory(count, plan);
  } else {
    Memory(count, plan, false);
  }
  return count.bytes();
}

}  // namespace vlltr::cuda
