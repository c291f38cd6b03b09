#include "cuda/device.h"
#include "cuda/launch.cuh"
#include "cuda/project.h"
#include "cuda/reduce.cuh"
#include "cuda/tf32.cuh"

namespace vlltr::cuda {
namespace {

constexpr int kEdge = 32, kDepth = 64, kThreads = 128, kWarps = kThreads / kWarp;
// Floats between rows of a tile in shared memory: fragments are then read without conflicts.
constexpr int kAlongDepth = kDepth + 4, kAcrossDepth = kEdge + 8;
constexpr int kTileFloats = kDepth * kAcrossDepth;
static_assert(kEdge * kAlongDepth <= kTileFloats && kWarps * kEdge * kEdge <= 2 * kTileFloats);

/** Half of the factors: kEdge lines (rows of A, columns of B) of kDepth values each. */
template <bool kDepthContiguous>
struct Tile {
  static constexpr int kEach = kEdge * kDepth / kThreads;
  static constexpr int kFast = kDepthContiguous ? kDepth : kEdge;

  __device__ static int at(int line, int k) {
    return kDepthContiguous ? line * kAlongDepth + k : k * kAcrossDepth + line;
  }
  __device__ static int line(int i) {
    const int element = i * kThreads + static_cast<int>(threadIdx.x);
    return kDepthContiguous ? element / kFast : element % kFast;
  }
  __device__ static int depth(int i) {
    const int element = i * kThreads + static_cast<int>(threadIdx.x);
    return kDepthContiguous ? element % kFast : element / kFast;
  }
  __device__ static void load(const float* data, int64_t stride, int lines, int depths, float (&to)[kEach]) {
#pragma unroll
    for (int i = 0; i < kEach; ++i) {
      const int l = line(i), k = depth(i);
      const int64_t from = kDepthContiguous ? l * stride + k : k * stride + l;
      to[i] = l < lines && k < depths ? data[from] : 0;
    }
  }
  __device__ static void store(float* tile, const float (&from)[kEach]) {
#pragma unroll
    for (int i = 0; i < kEach; ++i) tile[at(line(i), depth(i))] = from[i];
  }
};

constexpr int kRowTiles = kEdge / 16, kColumnTiles = kEdge / 8;

/** This warp's part of the depth of a tile, in steps of 8. */
template <bool kADepth, bool kBDepth>
__device__ void multiply(const float* a, const float* b, float (&sums)[kRowTiles][kColumnTiles][4]) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp, warp = static_cast<int>(threadIdx.x) / kWarp;
  const int group = lane / 4, within = lane % 4;
#pragma unroll
  for (int step = 0; step < kDepth / kWarps / 8; ++step) {
    const int k = warp * (kDepth / kWarps) + step * 8 + within;
    uint32_t aHigh[kRowTiles][4], aLow[kRowTiles][4];
#pragma unroll
    for (int r = 0; r < kRowTiles; ++r) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const Tf32Parts parts(a[Tile<kADepth>::at(16 * r + group + 8 * (i % 2), k + 4 * (i / 2))]);
        aHigh[r][i] = parts.high, aLow[r][i] = parts.low;
      }
    }
#pragma unroll
    for (int c = 0; c < kColumnTiles; ++c) {
      uint32_t bHigh[2], bLow[2];
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        const Tf32Parts parts(b[Tile<kBDepth>::at(8 * c + group, k + 4 * i)]);
        bHigh[i] = parts.high, bLow[i] = parts.low;
      }
#pragma unroll
      for (int r = 0; r < kRowTiles; ++r) {
        multiplyAddTf32(sums[r][c], aLow[r], bHigh);
        multiplyAddTf32(sums[r][c], aHigh[r], bLow);
        multiplyAddTf32(sums[r][c], aHigh[r], bHigh);
      }
    }
  }
}

template <bool kADepth, bool kBDepth>
__global__ void __launch_bounds__(kThreads) run(Projection call) {
  __shared__ float tiles[2 * kTileFloats];
  const int64_t row = static_cast<int64_t>(blockIdx.x) * kEdge,
                column = static_cast<int64_t>(blockIdx.y) * kEdge;
  const int rows = static_cast<int>(min(int64_t{kEdge}, call.rows - row));
  const int columns = static_cast<int>(min(int64_t{kEdge}, call.columns - column));
  const float* a = call.a.data + row * (kADepth ? call.a.stride : 1);
  const float* b = call.b.data + column * (kBDepth ? call.b.stride : 1);
  const int64_t aStep = kADepth ? kDepth : kDepth * call.a.stride;
  const int64_t bStep = kBDepth ? kDepth : kDepth * call.b.stride;

  float sums[kRowTiles][kColumnTiles][4] = {};
  float nextA[Tile<kADepth>::kEach], nextB[Tile<kBDepth>::kEach];
  const auto load = [&](int64_t k) {
    const int depths = static_cast<int>(min(int64_t{kDepth}, call.depth - k));
    Tile<kADepth>::load(a + k / kDepth * aStep, call.a.stride, rows, depths, nextA);
    Tile<kBDepth>::load(b + k / kDepth * bStep, call.b.stride, columns, depths, nextB);
  };
  if (call.depth > 0) load(0);
  for (int64_t k = 0; k < call.depth; k += kDepth) {
    Tile<kADepth>::store(tiles, nextA);
    Tile<kBDepth>::store(tiles + kTileFloats, nextB);
    __syncthreads();
    if (k + kDepth < call.depth) load(k + kDepth);
    multiply<kADepth, kBDepth>(tiles, tiles + kTileFloats, sums);
    __syncthreads();
  }
  const int lane = static_cast<int>(threadIdx.x) % kWarp, warp = static_cast<int>(threadIdx.x) / kWarp;
#pragma unroll
  for (int r = 0; r < kRowTiles; ++r) {
#pragma unroll
    for (int c = 0; c < kColumnTiles; ++c) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const int y = 16 * r + lane / 4 + 8 * (i / 2), x = 8 * c + 2 * (lane % 4) + i % 2;
        tiles[(warp * kEdge + y) * kEdge + x] = sums[r][c][i];
      }
    }
  }
  __syncthreads();
  for (int i = static_cast<int>(threadIdx.x); i < kEdge * kEdge; i += kThreads) {
    const int y = i / kEdge, x = i % kEdge;
    if (y >= rows || x >= columns) continue;
    float total = tiles[i];
#pragma unroll
    for (int w = 1; w < kWarps; ++w) total += tiles[w * kEdge * kEdge + i];
    call.c[(row + y) * call.columns + column + x] = total;
  }
}

}  // namespace

Status project(cudaStream_t stream, const Projection& call) {
  if (call.rows == 0 || call.columns == 0) return Status();
  const dim3 grid(static_cast<unsigned>((call.rows + kEdge - 1) / kEdge),
                  static_cast<unsigned>((call.columns + kEdge - 1) / kEdge));
  // A's depth is contiguous unless it is transposed, B's where it is.
  const auto kernel = call.a.transposed   ? call.b.transposed ? run<false, true> : run<false, false>
                      : call.b.transposed ? run<true, true>
                                          : run<true, false>;
  return check(launch(stream, kernel, grid, kThreads, 0, call), "multiplying small matrices");
}

}  // namespace vlltr::cuda
