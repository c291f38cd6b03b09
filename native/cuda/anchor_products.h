#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "cuda/anchor_attend.h"
#include "cuda/anchor_query.h"
#include "cuda/anchor_table.h"

namespace vlltr::cuda {

/** The scores of a chunk's anchors for all images: <u, T> / (sigma sqrt(D)) and <x^, T>. */
Status score(cudaStream_t stream, const AnchorTableMemory& table, const AnchorQuery& query,
             const AnchorChunk& chunk, const AnchorScores& scores);

/** Parts that the sum over anchors is cut into, to occupy a card of so many multiprocessors. */
int64_t gradientParts(int64_t batch, int64_t width, int64_t chunkRows, int multiprocessors);

/** Adds (writes where `first`) a chunk's share of the gradients of u and x^ to partial [parts][2 B, D]. */
Status accumulate(cudaStream_t stream, const AnchorTableMemory& table, const AnchorQuery& query,
                  const AnchorChunk& chunk, const AnchorScores& scores, int64_t parts, bool first,
                  float* partial);

}  // namespace vlltr::cuda
