#pragma once

#include <cstdint>

#include "cuda/anchor_attend.h"
#include "cuda/anchor_query.h"
#include "cuda/anchor_table.h"
#include "vlltr/device.h"

/** The attention to anchors for compute capability 9.0: scores that never leave registers. */
namespace vlltr::cuda {

/** Whether a card has run these kernels: checked in the emulator of native/test, they have not been on one.
 * Until then a call takes them with Path::kUntried alone, with which the self-test checks and times them on a
 * card of compute capability 9.0 beside the others (`vl-ltr selftest --device cuda --op anchor-attention
 * --bench`). Where they hold there and are the faster, true makes them what such cards take. */
constexpr bool kHopperAttentionTried = false;

/** Whether a call takes these kernels: they are for this card, and worth it, classes being taken as if all
 * had 64 anchors. */
bool takesHopperAttention(const Device& device, const AnchorTableMemory& table, int64_t rows,
                          int64_t classes);

/** Numbers that the calls below leave parts of the gradient of logitScale in, each time added to. */
int64_t hopperScaleTerms(const Device& device);
/** Integers, 0 before and after, that the scores of means take turns by. */
int64_t hopperTurns(int64_t batch, int64_t mostClasses);

/** Scores of the classes' means, of a split table; `turns` as above. */
Status scoreMeansHopper(const Device& device, const AttendCall& call, const AnchorQuery& query, int* turns);

/** As attend(), with the scores formed on the way. */
Status attendHopper(const Device& device, const AttendCall& call, const AnchorQuery& query);

/** Parts that the gradient of a chunk comes in. */
int64_t hopperGradientParts(const Device& device, const AnchorTableMemory& table, int64_t batch,
                            int64_t width, const AnchorChunk& chunk);
/** As accumulate(): adds, or writes where `first` (to parts that are 0 before). */
Status accumulateHopper(const Device& device, const AnchorTableMemory& table, const AnchorQuery& query,
                        const AnchorChunk& chunk, const AnchorScores& scores, bool first, float* partial);

}  // namespace vlltr::cuda
