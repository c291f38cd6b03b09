// Products of bf16 matrices on Hopper: C = A B^T in fp32, tile by tile, each tile handed to an epilogue while
// it is in registers. One warpgroup feeds a ring of stages in shared memory by the copy engine, two multiply;
// blocks are persistent, so the ring already fills for the next tile while an epilogue runs.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "cuda/hopper_form.cuh"
#include "cuda/hopper_map.h"
#include "cuda/hopper_ptx.cuh"
#include "cuda/hopper_steps.cuh"
#include "cuda/hopper_wgmma.cuh"
#include "cuda/launch.cuh"

namespace vlltr::cuda::hopper {

/** A split operand's product is the sum of three terms: low high + high low + high high. */
struct Maps {
  CUtensorMap part[2];  // high, low
};

template <int kProducts>
struct Call {
  Maps a[kProducts], b[kProducts];
  int steps[kProducts];  // of kDeep, in a term
  int terms;             // 1 or 3
  int rows, columns;
  Order order;  // of clusters' tiles
  bool spread;  // one product's steps are shared out evenly
  // Of clusters' tiles, some: how many, then which. Null: all.
  const int* list;
  // Of each 128 rows and columns Epilogue::kLineBytes that go with the tile.
  const char *rowLines, *columnLines;

  __device__ __forceinline__ int tile(const Span& span) const {
    return list == nullptr ? span.tile : list[1 + span.tile];
  }
};

/** Where a block's tile is. */
template <class Form>
__device__ __forceinline__ void place(const Order& order, int index, int rank, int* row, int* column) {
  order.at(index, row, column);
  *row = (*row * Form::kDown + (Form::kDown > 1 ? rank : 0)) * kTileRows;
  *column = (*column * Form::kBeside + (Form::kBeside > 1 ? rank : 0)) * Form::kTileColumns;
}

/** This block's part of an operand's stage; it goes to all blocks of the cluster where they share it. */
template <Major kMajor, int kLines, int kSharers>
__device__ __forceinline__ void load(uint32_t to, const CUtensorMap* map, int line, int depth, int rank,
                                     uint32_t full) {
  constexpr int kPart = kLines / kSharers;
  constexpr auto kAll = static_cast<uint16_t>((1 << kSharers) - 1);
  const int first = kSharers > 1 ? rank * kPart : 0;
#pragma unroll
  for (int i = 0; i < kPart; i += kMajor == Major::kDepth ? kPart : 64) {
    const uint32_t at = to + (first + i) * 128;
    const int x = kMajor == Major::kDepth ? depth : line + first + i;
    const int y = kMajor == Major::kDepth ? line + first : depth;
    if constexpr (kSharers > 1) {
      copyBox(at, map, x, y, full, kAll);
    } else {
      copyBox(at, map, x, y, full);
    }
  }
}

/** One thread's work: every stage of every tile of this block. */
template <class Form, class Epilogue>
__device__ __forceinline__ void feed(const Call<Form::kProducts>& call, Layout<Form, Epilogue> layout,
                                     Work work, int rank) {
  using L = Layout<Form, Epilogue>;
  Place<L::kStages> stage;
  Place<2> slot;
  for (Span span; work.next(&span);) {
    int row, column;
    place<Form>(call.order, call.tile(span), rank, &row, &column);
    if constexpr (L::kLineBytes > 0) {
      awaitBarrier(layout.linesEmpty(slot.at), slot.parity ^ 1);
      const uint32_t full = layout.linesFull(slot.at), to = layout.lines(slot.at);
      expectBytes(full, 2 * L::kLineBytes);
      copyBytes(to, call.rowLines + static_cast<int64_t>(row / kTileRows) * L::kLineBytes, L::kLineBytes,
                full);
      copyBytes(to + L::kLineBytes,
                call.columnLines + static_cast<int64_t>(column / Form::kTileColumns) * L::kLineBytes,
                L::kLineBytes, full);
      slot.advance();
    }
#pragma unroll
    for (int p = 0; p < Form::kProducts; ++p) {
      const int steps = call.steps[p];
      const int begin = Form::kProducts == 1 ? span.begin : 0;
      const int end = Form::kProducts == 1 ? span.end : steps * call.terms;
      // The small terms come first, so that the sums lose less of them.
      int term = begin / steps, depth = begin % steps * kDeep;
      for (int step = begin; step < end; ++step, stage.advance()) {
        const bool split = call.terms > 1;
        awaitBarrier(layout.empty(stage.at), stage.parity ^ 1);
        const uint32_t full = layout.full(stage.at);
        expectBytes(full, Form::kStageBytes);
        load<Form::kA, kTileRows, Form::kBeside>(layout.a(stage.at), &call.a[p].part[split && term == 0], row,
                                                 depth, rank, full);
        load<Form::kB, Form::kTileColumns, Form::kDown>(
            layout.b(stage.at), &call.b[p].part[split && term == 1], column, depth, rank, full);
        if ((depth += kDeep) == steps * kDeep) depth = 0, ++term;
      }
    }
  }
}

/** Where a warpgroup's part of a span's tile is, and its lines. */
template <class Form, class Epilogue>
__device__ __forceinline__ Tile tileOf(const Call<Form::kProducts>& call, const Span& span, char* memory,
                                       int slot, int rank, int warpgroup) {
  using L = Layout<Form, Epilogue>;
  Tile tile = {};
  tile.number = call.tile(span);
  place<Form>(call.order, tile.number, rank, &tile.row, &tile.column);
  tile.row += warpgroup * 64;
  tile.part = (tile.number * Form::kCluster + rank) * kConsumers + warpgroup;
  tile.rows = call.rows, tile.columns = call.columns;
  tile.later = span.later, tile.last = span.begin == 0;
  tile.scratch = memory + L::kScratchAt;
  if constexpr (L::kLineBytes > 0) {
    tile.rowLines = memory + L::kLinesAt + 2 * L::kLineBytes * slot;
    tile.columnLines = tile.rowLines + L::kLineBytes;
  }
  return tile;
}

/** A warpgroup's work: its 64 rows of every tile, each followed by the epilogue. */
template <class Form, class Epilogue>
__device__ __forceinline__ void consume(const Call<Form::kProducts>& call, Layout<Form, Epilogue> layout,
                                        char* memory, Work work, int rank, int warpgroup,
                                        const Epilogue& epilogue) {
  using L = Layout<Form, Epilogue>;
  Steps<Form, Epilogue> steps = {layout, warpgroup};
  typename Epilogue::State state(epilogue);
  Place<2> slot;
  for (Span span; work.next(&span);) {
    const Tile tile = tileOf<Form, Epilogue>(call, span, memory, slot.at, rank, warpgroup);
    Sums<Form::kTileColumns> sums[Form::kProducts];
#pragma unroll
    for (int p = 0; p < Form::kProducts; ++p) {
      steps.multiplyAll(sums[p], Form::kProducts == 1 ? span.end - span.begin : call.steps[p] * call.terms);
    }
    steps.finish();
#pragma unroll
    for (int p = 0; p < Form::kProducts; ++p) pin(sums[p]);
    if constexpr (L::kLineBytes > 0) awaitBarrier(layout.linesFull(slot.at), slot.parity);
    epilogue(tile, sums, state);
    if constexpr (L::kLineBytes > 0) {
      __syncwarp();
      if (threadIdx.x % 32 == 0) arrive(layout.linesEmpty(slot.at));
      slot.advance();
    }
  }
  epilogue.finish(state);
}

/**
 * The same of two products whose epilogue is done piece by piece while the next product runs: what the
 * epilogue wants of the first product while the second is formed, the rest while the first one of the next
 * tile is.
 */
template <class Form, class Epilogue>
__device__ __forceinline__ void consumeOverlapped(const Call<2>& call, Layout<Form, Epilogue> layout,
                                                  char* memory, Work work, int rank, int warpgroup,
                                                  const Epilogue& epilogue) {
  using L = Layout<Form, Epilogue>;
  constexpr int kPieces = Epilogue::kPieces;
  Steps<Form, Epilogue> steps = {layout, warpgroup};
  typename Epilogue::State state(epilogue);
  typename Epilogue::Kept kept(memory + L::kScratchAt + Epilogue::kScratch - Epilogue::Kept::kBytes);
  Sums<Form::kTileColumns> first, second;
  Place<2> slot;
  Span span;
  if (work.next(&span)) {
    const auto late = [&](int piece, const Tile& tile) {
      if (piece == 0) pin(second);
      epilogue.late(piece, tile, second, kept, state);
    };
    steps.multiplyAll(first, call.steps[0] * call.terms);
    Tile tile;
    for (;;) {
      tile = tileOf<Form, Epilogue>(call, span, memory, slot.at, rank, warpgroup);
      awaitBarrier(layout.linesFull(slot.at), slot.parity);
      steps.template multiplyWhile<kPieces>(second, call.steps[1] * call.terms, [&](int piece) {
        if (piece == 0) pin(first);
        epilogue.early(piece, tile, first, kept, state);
      });
      if (!work.next(&span)) break;
      steps.template multiplyWhile<kPieces>(first, call.steps[0] * call.terms,
                                            [&](int piece) { late(piece, tile); });
      __syncwarp();
      if (threadIdx.x % 32 == 0) arrive(layout.linesEmpty(slot.at));
      slot.advance();
    }
    steps.finish();
#pragma unroll
    for (int piece = 0; piece < kPieces; ++piece) late(piece, tile);
  }
  epilogue.finish(state);
}

template <class Form, class Epilogue>
__global__ void __launch_bounds__(kThreads, 1)
    product(const __grid_constant__ Call<Form::kProducts> call, const __grid_constant__ Epilogue epilogue) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  using L = Layout<Form, Epilogue>;
  VLLTR_DYNAMIC_SHARED(char, memory);
  const uint32_t aligned = (sharedAddress(memory) + kAtomBytes - 1) & ~uint32_t{kAtomBytes - 1};
  const L layout = {aligned};
  const int rank = Form::kCluster == 1 ? 0 : clusterRank();
  if (threadIdx.x == 0) {
    for (int stage = 0; stage < L::kStages; ++stage) {
      initBarrier(layout.full(stage), 1);
      initBarrier(layout.empty(stage), 4 * kConsumers * Form::kCluster);
    }
    for (int slot = 0; slot < 2; ++slot) {
      initBarrier(layout.linesFull(slot), 1), initBarrier(layout.linesEmpty(slot), 4 * kConsumers);
    }
    publishBarriers();
    for (int p = 0; p < Form::kProducts; ++p)
      prefetchMap(&call.a[p].part[0]), prefetchMap(&call.b[p].part[0]);
  }
  __syncthreads();
  if (Form::kCluster > 1) synchronizeCluster();
  const int tiles = call.list == nullptr ? call.order.count() : *call.list;
  // Known when it is compiled, it leaves registers free.
  constexpr bool whole = requires { Epilogue::kWholeTiles; };
  const Work work(tiles, call.steps[0] * call.terms, !whole && call.spread, blockIdx.x / Form::kCluster,
                  gridDim.x / Form::kCluster);
  const int warpgroup = __shfl_sync(0xffffffff, threadIdx.x / 128, 0);
  if (warpgroup == 0) {
    giveRegisters<40>();
    if (threadIdx.x == 0) feed<Form, Epilogue>(call, layout, work, rank);
  } else {
    takeRegisters<232>();
    char* const from = memory + (aligned - sharedAddress(memory));
    if constexpr (Epilogue::kPieces > 0) {
      consumeOverlapped<Form, Epilogue>(call, layout, from, work, rank, warpgroup - 1, epilogue);
    } else {
      consume<Form, Epilogue>(call, layout, from, work, rank, warpgroup - 1, epilogue);
    }
  }
  // No block ends while another may still write to it.
  if (Form::kCluster > 1) {
    __syncwarp();
    synchronizeCluster();
  }
#endif
}

}  // namespace vlltr::cuda::hopper
