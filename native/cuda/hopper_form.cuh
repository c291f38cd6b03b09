// The shapes and the order of Hopper's products: what is in a stage, what a block does one after the other.
#pragma once

#include <cuda.h>

#include <cstdint>

#include "cuda/hopper_wgmma.cuh"
#include "cuda/hopper_work.h"

namespace vlltr::cuda::hopper {

constexpr int kConsumers = 2;  // warpgroups that multiply, 64 rows of the tile each
constexpr int kTileRows = 64 * kConsumers;
constexpr int kThreads = 128 * (1 + kConsumers);
constexpr int kSharedBytes = 227 * 1024;  // that a block can have

/** Blocks of a cluster have tiles below each other and share B's, or beside each other and share A's: each
 * loads a part of what they share into all of them. */
enum class Share { kNothing, kB, kA };

/**
 * A kind of product. kProducts 2 forms two matrices of the same shape at once, each with a depth of its own.
 * A is [rows, depth] (kDepth) or [depth, rows] (kBreadth) as it lies in memory, and B so with columns.
 */
template <int kColumns, int kProducts_, Major kMajorA, Major kMajorB, Share kShare = Share::kNothing>
struct Form {
  static constexpr int kTileColumns = kColumns, kProducts = kProducts_;
  static constexpr int kDown = kShare == Share::kB ? 2 : 1, kBeside = kShare == Share::kA ? 2 : 1;
  static constexpr int kCluster = kDown * kBeside;
  static constexpr Major kA = kMajorA, kB = kMajorB;
  static constexpr int kBytesA = kTileRows * kDeep * 2, kBytesB = kColumns * kDeep * 2;
  static constexpr int kStageBytes = kBytesA + kBytesB;
  static_assert(kB == Major::kDepth || kColumns % (64 * kDown) == 0, "a block loads whole boxes of B");
};

/** Shared memory of a block, from an address at a multiple of kAtomBytes on: stages, the epilogue's scratch,
 * two slots of its lines (rows', then columns'), barriers. */
template <class Form, class Epilogue>
struct Layout {
  static constexpr int kLineBytes = Epilogue::kLineBytes;
  static_assert(kLineBytes % 16 == 0 && (kLineBytes == 0 || Form::kTileColumns == kTileRows));
  static_assert(Epilogue::kScratch % 16 == 0);
  static constexpr int kFixed = kAtomBytes + Epilogue::kScratch + 4 * kLineBytes + 32;
  static constexpr int kStages = (kSharedBytes - kFixed) / (Form::kStageBytes + 16);
  static constexpr int kBytes = kFixed + kStages * (Form::kStageBytes + 16);
  static constexpr int kScratchAt = kStages * Form::kStageBytes;
  static constexpr int kLinesAt = kScratchAt + Epilogue::kScratch;
  static constexpr int kBarriersAt = kLinesAt + 4 * kLineBytes;

  uint32_t base;
  __device__ uint32_t a(int stage) const { return base + stage * Form::kStageBytes; }
  __device__ uint32_t b(int stage) const { return a(stage) + Form::kBytesA; }
  __device__ uint32_t full(int stage) const { return base + kBarriersAt + 8 * stage; }
  __device__ uint32_t empty(int stage) const { return full(stage) + 8 * kStages; }
  __device__ uint32_t lines(int slot) const { return base + kLinesAt + 2 * kLineBytes * slot; }
  __device__ uint32_t linesFull(int slot) const { return full(2 * kStages + slot); }
  __device__ uint32_t linesEmpty(int slot) const { return full(2 * kStages + 2 + slot); }
};

/** A place in a ring, and the parity of the round. */
template <int kPlaces>
struct Place {
  int at = 0, parity = 0;
  __device__ __forceinline__ void advance() {
    if (++at == kPlaces) at = 0, parity ^= 1;
  }
};

/** What a thread's epilogue learns of its tile: 64 rows of it are this warpgroup's. */
struct Tile {
  int row, column;                     // of the matrix, where the warpgroup's part begins
  int rows, columns;                   // of the matrix
  int number;                          // of the cluster's tile
  int part;                            // of this warpgroup's part among all
  int later;                           // other warpgroups add products to the same part before this one
  bool last;                           // and none after
  char* scratch;                       // Epilogue::kScratch bytes of shared memory, both warpgroups' together
  const char *rowLines, *columnLines;  // of the whole tile, where the epilogue asks for them

  __device__ static int warpgroup() { return threadIdx.x / 128 - 1; }
  __device__ static int warp() { return threadIdx.x / 32 % 4; }
  /** Of this thread's sums [0] of fragment 0. */
  __device__ static int threadRow() { return warp() * 16 + threadIdx.x % 32 / 4; }
  __device__ static int threadColumn() { return threadIdx.x % 4 * 2; }
};

}  // namespace vlltr::cuda::hopper
