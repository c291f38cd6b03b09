// From anchors in float32 to what a device's table holds of them.
#include "cuda/anchor_gram.h"
#include "cuda/anchor_table.h"
#include "cuda/bfloat16.h"
#include "cuda/device.h"
#include "cuda/launch.cuh"
#include "cuda/reduce.cuh"

namespace vlltr::cuda {
namespace {

constexpr int kThreads = 256;
constexpr double kNormEpsilon = 1e-5;

struct Fill {
  uint16_t *high, *low, *meanHigh, *meanLow, *gramParts;
  float *keyScale, *gram;
  const int64_t* gramAt;
  const int32_t* firstRow;
  int first;  // class of block 0
  int perClass, width, stride;
  const float* anchors;
};

/** The anchor as the table holds it. */
struct StoredRow {
  const uint16_t *high, *low, *meanHigh, *meanLow;

  __device__ StoredRow(const Fill& fill, int c, int64_t row)
      : high(fill.high + row * fill.stride),
        low(fill.low == nullptr ? nullptr : fill.low + row * fill.stride),
        meanHigh(fill.meanHigh == nullptr ? nullptr : fill.meanHigh + static_cast<int64_t>(c) * fill.stride),
        meanLow(fill.meanLow == nullptr ? nullptr : fill.meanLow + static_cast<int64_t>(c) * fill.stride) {}

  __device__ double operator[](int i) const {
    double value = fromBfloat16(high[i]);
    if (low != nullptr) value += fromBfloat16(low[i]);
    if (meanHigh != nullptr) {
      value += static_cast<double>(fromBfloat16(meanHigh[i])) + fromBfloat16(meanLow[i]);
    }
    return value;
  }
};

/** A block a class, a thread some of the columns. */
__global__ void __launch_bounds__(kThreads) store(Fill fill) {
  const int c = fill.first + static_cast<int>(blockIdx.x);
  const int64_t row = fill.firstRow[c];
  const int count = fill.firstRow[c + 1] - static_cast<int>(row);
  const float* anchors = fill.anchors + static_cast<int64_t>(blockIdx.x) * fill.perClass * fill.width;
  for (int i = static_cast<int>(threadIdx.x); i < fill.stride; i += kThreads) {
    const bool inside = i < fill.width;
    float meanHigh = 0, meanLow = 0;
    if (fill.meanHigh != nullptr) {
      double sum = 0;
      for (int m = 0; m < count && inside; ++m) sum += anchors[static_cast<int64_t>(m) * fill.width + i];
      const double mean = count == 0 ? 0 : sum / count;
      const uint16_t high = roundToBfloat16(static_cast<float>(mean));
      meanHigh = fromBfloat16(high);
      const uint16_t low = roundToBfloat16(static_cast<float>(mean - meanHigh));
      meanLow = fromBfloat16(low);
      fill.meanHigh[static_cast<int64_t>(c) * fill.stride + i] = high;
      fill.meanLow[static_cast<int64_t>(c) * fill.stride + i] = low;
    }
    for (int m = 0; m < count; ++m) {
      const float value = inside ? anchors[static_cast<int64_t>(m) * fill.width + i] : 0;
      const int64_t at = (row + m) * fill.stride + i;
      const SplitFloat pair = splitFloat((value - meanHigh) - meanLow);
      fill.high[at] = pair.high;
      if (fill.low != nullptr) fill.low[at] = pair.low;
    }
  }
}

/** A block a class, a warp some of its anchors. */
__global__ void __launch_bounds__(kThreads) measure(Fill fill) {
  const int c = fill.first + static_cast<int>(blockIdx.x);
  const int row = fill.firstRow[c], count = fill.firstRow[c + 1] - row;
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  for (int m = static_cast<int>(threadIdx.x) / kWarp; m < count; m += kThreads / kWarp) {
    const StoredRow stored(fill, c, row + m);
    double sum = 0;
    for (int i = lane; i < fill.width; i += kWarp) sum += stored[i];
    const double mean = warpSum(sum) / fill.width;
    double squares = 0;
    for (int i = lane; i < fill.width; i += kWarp) {
      const double off = stored[i] - mean;
      squares += off * off;
    }
    const double variance = warpSum(squares) / fill.width;
    if (lane == 0) {
      fill.keyScale[row + m] = static_cast<float>(1 / sqrt((variance + kNormEpsilon) * fill.width));
    }
  }
}

constexpr int kTile = 32, kDepth = 16;

/** A block a tile of a class's Gram matrix, a thread 2 x 2 of it. */
__global__ void __launch_bounds__(kThreads) multiply(Fill fill) {
  const int c = fill.first + static_cast<int>(blockIdx.x);
  const int row = fill.firstRow[c], count = fill.firstRow[c + 1] - row;
  const int firstRow = static_cast<int>(blockIdx.y) * kTile,
            firstColumn = static_cast<int>(blockIdx.z) * kTile;
  if (firstRow >= count || firstColumn >= count) return;
  __shared__ double left[kDepth][kTile + 1], right[kDepth][kTile + 1];
  const int y = static_cast<int>(threadIdx.x) / 16, x = static_cast<int>(threadIdx.x) % 16;
  double sums[2][2] = {};
  for (int depth = 0; depth < fill.width; depth += kDepth) {
    // Along a row of 16 threads, the depth: x is its index, y that of the anchor.
    for (int half = 0; half < kTile; half += 16) {
      const int a = firstRow + y + half, b = firstColumn + y + half, i = depth + x;
      left[x][y + half] = a < count && i < fill.width ? StoredRow(fill, c, row + a)[i] : 0;
      right[x][y + half] = b < count && i < fill.width ? StoredRow(fill, c, row + b)[i] : 0;
    }
    __syncthreads();
#pragma unroll
    for (int k = 0; k < kDepth; ++k) {
      for (int r = 0; r < 2; ++r) {
        for (int s = 0; s < 2; ++s) sums[r][s] += left[k][y + 16 * r] * right[k][x + 16 * s];
      }
    }
    __syncthreads();
  }
  uint16_t* const parts = fill.gramParts == nullptr ? nullptr : fill.gramParts + int64_t{c} * kGramHalves;
  float* const gram = parts == nullptr ? fill.gram + fill.gramAt[c] : nullptr;
  for (int r = 0; r < 2; ++r) {
    for (int s = 0; s < 2; ++s) {
      const int a = firstRow + y + 16 * r, b = firstColumn + x + 16 * s;
      if (a >= count || b >= count) continue;
      const auto sum = static_cast<float>(sums[r][s]);
      if (parts == nullptr) {
        gram[static_cast<int64_t>(a) * count + b] = sum;
      } else {
        const SplitFloat pair = splitFloat(sum);
        uint16_t* const to = parts + gramHalf(a, b);
        to[0] = pair.high, to[kGramLow] = pair.low;
      }
    }
  }
}

}  // namespace

Status fillAnchorTable(const AnchorTableMemory& table, int64_t first, int64_t end, int64_t perClass,
                       int64_t width, const float* anchors) {
  Fill fill;
  fill.high = table.high, fill.low = table.low;
  fill.meanHigh = table.meanHigh, fill.meanLow = table.meanLow;
  fill.keyScale = table.keyScale, fill.gram = table.gram, fill.gramParts = table.gramParts,
  fill.gramAt = table.gramAt;
  fill.firstRow = table.firstRow;
  fill.first = static_cast<int>(first);
  fill.perClass = static_cast<int>(perClass), fill.width = static_cast<int>(width);
  fill.stride = static_cast<int>(table.stride);
  fill.anchors = anchors;
  const auto classes = static_cast<unsigned>(end - first);
  const auto tiles = static_cast<unsigned>((table.mostClassRows + kTile - 1) / kTile);
  const cudaStream_t stream = table.device->data().stream;
  VLLTR_RETURN_IF_ERROR(check(launch(stream, store, classes, kThreads, 0, fill), "storing anchors"));
  if (tiles == 0) return Status();
  VLLTR_RETURN_IF_ERROR(check(launch(stream, measure, classes, kThreads, 0, fill), "measuring anchors"));
  return check(launch(stream, multiply, dim3(classes, tiles, tiles), kThreads, 0, fill),
               "multiplying anchors");
}

}  // namespace vlltr::cuda
