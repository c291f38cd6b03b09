// The Hopper products by themselves: in every form that the ops use, at ragged sizes against float64, and how
// fast they are.
#include <cuda_bf16.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "cuda/hopper.cuh"
#include "cuda/hopper_add.cuh"
#include "cuda/launch.cuh"
#include "cuda/path.h"
#include "selftest/selftest.h"

namespace vlltr {
namespace {

using cuda::HopperMatrix;
using cuda::hopper::Add;
using cuda::hopper::Form;
using cuda::hopper::Major;
using cuda::hopper::Manner;
using cuda::hopper::Share;
using cuda::hopper::Tile;

/** Stores two products. */
struct Store {
  static constexpr int kScratch = 0, kLineBytes = 0, kPieces = 0;
  float* c[2];

  struct State {
    __device__ explicit State(const Store&) {}
  };
  __device__ void finish(State&) const {}

  template <int kFragments>
  __device__ void operator()(const Tile& tile, float (&sums)[2][kFragments][4], State&) const {
    const int row = tile.row + Tile::threadRow(), column = tile.column + Tile::threadColumn();
#pragma unroll
    for (int k = 0; k < 4; ++k) {
      if (row + k % 2 * 8 >= tile.rows) continue;
      float* const line = c[k / 2] + static_cast<int64_t>(row + k % 2 * 8) * tile.columns + column;
#pragma unroll
      for (int j = 0; j < kFragments; ++j) {
        if (column + 8 * j < tile.columns) line[8 * j] = sums[k / 2][j][k % 2 * 2];
        if (column + 8 * j + 1 < tile.columns) line[8 * j + 1] = sums[k / 2][j][k % 2 * 2 + 1];
      }
    }
  }
};

/** Does nothing that takes time. */
struct Drop {
  static constexpr int kScratch = 0, kLineBytes = 0, kPieces = 0;
  float* c;

  struct State {
    __device__ explicit State(const Drop&) {}
  };
  __device__ void finish(State&) const {}

  template <int kProducts, int kFragments>
  __device__ void operator()(const Tile&, float (&sums)[kProducts][kFragments][4], State&) const {
    float sum = 0;
#pragma unroll
    for (int p = 0; p < kProducts; ++p) {
#pragma unroll
      for (int j = 0; j < kFragments; ++j)
        sum += sums[p][j][0] + sums[p][j][1] + sums[p][j][2] + sums[p][j][3];
    }
    if (sum == 1.2345e30f) *c = sum;
  }
};

__global__ void draw(__nv_bfloat16* to, int64_t count, uint64_t seed) {
  for (int64_t i = blockIdx.x * int64_t{blockDim.x} + threadIdx.x; i < count;
       i += int64_t{gridDim.x} * blockDim.x) {
    uint64_t x = (seed + static_cast<uint64_t>(i)) * 0x9e3779b97f4a7c15ull;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull, x = (x ^ x >> 27) * 0x94d049bb133111ebull, x ^= x >> 31;
    const float sum = static_cast<float>(x & 0xffff) + static_cast<float>(x >> 16 & 0xffff) +
                      static_cast<float>(x >> 32 & 0xffff) + static_cast<float>(x >> 48);
    to[i] = __float2bfloat16(sum / 32768.0f - 4.0f);
  }
}

/** A random matrix on the device, rows padded to 8 elements, and the same on the host, low parts behind high
 * ones. */
struct Operand {
  DeviceMemory memory;
  HopperMatrix matrix;
  std::vector<double> host[2];

  Status make(Selftest& test, int64_t rows, int64_t columns, bool split, bool download) {
    Device& device = test.device();
    const int64_t padded = (columns + 7) / 8 * 8, stride = split ? 2 * padded : padded;
    VLLTR_RETURN_IF_ERROR(memory.reserve(device, rows * stride * 2));
    const auto blocks = static_cast<unsigned>(std::min<int64_t>((rows * stride + 255) / 256, 1024));
    const cudaError_t error = cuda::launch(device.data().stream, draw, blocks, 256, 0,
                                           memory.as<__nv_bfloat16>(), rows * stride, test.seed());
    VLLTR_RETURN_IF_ERROR(cuda::check(error, "drawing a matrix"));
    matrix = {memory.as<void>(), rows, columns, stride, split ? padded : 0};
    if (!download) return Status();
    std::vector<uint16_t> bits(static_cast<size_t>(rows * stride));
    VLLTR_RETURN_IF_ERROR(device.download(bits.data(), memory.as<void>(), rows * stride * 2));
    for (int part = 0; part < (split ? 2 : 1); ++part) {
      for (int64_t r = 0; r < rows; ++r) {
        for (int64_t c = 0; c < columns; ++c) {
          const uint32_t word =
              static_cast<uint32_t>(bits[static_cast<size_t>(r * stride + part * padded + c)]) << 16;
          float value;
          std::memcpy(&value, &word, 4);
          host[part].push_back(double{value});
        }
      }
    }
    return Status();
  }
};

struct Size {
  int64_t m, n, k;
  std::string text() const { return std::to_string(m) + "x" + std::to_string(n) + "x" + std::to_string(k); }
};

/** Both operands of one product, laid out for the form. */
template <class F>
struct Pair {
  Operand a, b;
  Size size;

  Status make(Selftest& test, const Size& of, bool split, bool download) {
    size = of;
    const auto [m, n, k] = of;
    const bool deepA = F::kA == Major::kDepth, deepB = F::kB == Major::kDepth;
    VLLTR_RETURN_IF_ERROR(a.make(test, deepA ? m : k, deepA ? k : m, split, download));
    return b.make(test, deepB ? n : k, deepB ? k : n, split, download);
  }

  std::vector<double> reference() const {
    std::vector<double> c(static_cast<size_t>(size.m * size.n));
    addProduct(a.host[0], b.host[0], &c);
    if (!a.host[1].empty()) addProduct(a.host[1], b.host[0], &c), addProduct(a.host[0], b.host[1], &c);
    return c;
  }

 private:
  void addProduct(const std::vector<double>& left, const std::vector<double>& right,
                  std::vector<double>* c) const {
    const auto [m, n, k] = size;
    for (int64_t r = 0; r < m; ++r) {
      for (int64_t i = 0; i < k; ++i) {
        const double x = left[static_cast<size_t>(F::kA == Major::kDepth ? r * k + i : i * m + r)];
        for (int64_t j = 0; j < n; ++j) {
          (*c)[static_cast<size_t>(r * n + j)] +=
              x * right[static_cast<size_t>(F::kB == Major::kDepth ? j * k + i : i * n + j)];
        }
      }
    }
  }
};

std::vector<float> downloaded(Device& device, const DeviceMemory& memory, const Size& size, Status* status) {
  std::vector<float> values(static_cast<size_t>(size.m * size.n));
  *status = device.download(values.data(), memory.as<void>(), size.m * size.n * 4);
  return values;
}

/** Half the product stored, half added. */
struct Halves {
  DeviceMemory c, factor, turns;
  Add epilogue;

  Status make(Device& device, const Size& size) {
    const float half = 0.5f;
    const int64_t parts = (size.m / 64 + 4) * (size.n / 256 + 2) * 4;
    VLLTR_RETURN_IF_ERROR(c.reserve(device, size.m * size.n * 4));
    VLLTR_RETURN_IF_ERROR(device.fill(c.as<void>(), 0xff, size.m * size.n * 4));
    VLLTR_RETURN_IF_ERROR(factor.reserve(device, 4));
    VLLTR_RETURN_IF_ERROR(device.upload(factor.as<void>(), &half, 4));
    VLLTR_RETURN_IF_ERROR(turns.reserve(device, parts * 4));
    epilogue = {c.as<float>(), factor.as<float>(), false, turns.as<int>()};
    return device.fill(turns.as<void>(), 0, parts * 4);
  }
};

double allowed(const Size& size) { return 2e-6 + 2e-8 * static_cast<double>(size.k); }

constexpr Manner kSpread = {nullptr, nullptr, true, true};

template <class F>
Status checkAdded(Selftest& test, const std::string& name, const Size& size, bool split) {
  Device& device = test.device();
  Pair<F> pair;
  Halves halves;
  VLLTR_RETURN_IF_ERROR(pair.make(test, size, split, true));
  VLLTR_RETURN_IF_ERROR(halves.make(device, size));
  for (const bool add : {false, true}) {
    halves.epilogue.add = add;
    const Status status =
        cuda::hopper::launch<F>(device.data(), {pair.a.matrix}, {pair.b.matrix}, halves.epilogue, kSpread);
    VLLTR_RETURN_IF_ERROR(status);
  }
  Status status;
  const std::vector<float> got = downloaded(device, halves.c, size, &status);
  test.expect("product " + name + " " + size.text(), relativeError(got, pair.reference()), allowed(size));
  return status;
}

template <class F>
Status checkTwo(Selftest& test, const std::string& name, const Size& size, bool split) {
  Device& device = test.device();
  Pair<F> pairs[2];
  DeviceMemory c[2];
  Store store;
  for (int p = 0; p < 2; ++p) {
    VLLTR_RETURN_IF_ERROR(pairs[p].make(test, {size.m, size.n, size.k + 24 * p}, split, true));
    VLLTR_RETURN_IF_ERROR(c[p].reserve(device, size.m * size.n * 4));
    VLLTR_RETURN_IF_ERROR(device.fill(c[p].as<void>(), 0xff, size.m * size.n * 4));
    store.c[p] = c[p].as<float>();
  }
  const HopperMatrix a[2] = {pairs[0].a.matrix, pairs[1].a.matrix},
                     b[2] = {pairs[0].b.matrix, pairs[1].b.matrix};
  VLLTR_RETURN_IF_ERROR(cuda::hopper::launch<F>(device.data(), a, b, store));
  Status status;
  for (int p = 0; p < 2 && status.ok(); ++p) {
    const std::vector<float> got = downloaded(device, c[p], size, &status);
    test.expect("product " + name + " " + size.text() + ", of two " + std::to_string(p),
                relativeError(got, pairs[p].reference()), allowed(pairs[p].size));
  }
  return status;
}

constexpr Major kD = Major::kDepth, kB = Major::kBreadth;
using Two = Form<128, 2, kD, kD, Share::kB>;
using Rows = Form<256, 1, kD, kB, Share::kA>;
using Columns = Form<256, 1, kB, kB, Share::kA>;
using NarrowRows = Form<256, 1, kD, kB, Share::kB>;
using NarrowColumns = Form<256, 1, kB, kB, Share::kB>;

template <class F, class Epilogue>
void timeOne(Selftest& test, const std::string& name, const Size& size, Epilogue epilogue,
             const Manner& manner) {
  constexpr int kP = F::kProducts;
  Pair<F> pairs[kP];
  HopperMatrix a[kP], b[kP];
  for (int p = 0; p < kP; ++p) {
    if (!test.ok(name, pairs[p].make(test, size, false, false))) return;
    a[p] = pairs[p].a.matrix, b[p] = pairs[p].b.matrix;
  }
  SelftestTiming timing = {"product " + name, size.text(), "bf16"};
  timing.milliseconds =
      test.median(9, [&] { return cuda::hopper::launch<F>(test.device().data(), a, b, epilogue, manner); });
  timing.flops =
      2.0 * kP * static_cast<double>(size.m) * static_cast<double>(size.n) * static_cast<double>(size.k);
  test.timing(timing);
}

template <class F>
void timeAdded(Selftest& test, const std::string& name, const Size& size) {
  Halves halves;
  if (!test.ok(name, halves.make(test.device(), size))) return;
  timeOne<F>(test, name, size, halves.epilogue, kSpread);
  halves.epilogue.add = true;
  timeOne<F>(test, name + ", added", size, halves.epilogue, kSpread);
}

}  // namespace

void checkProduct(Selftest& test) {
  if (!cuda::takesHopper(test.device())) return;
  const Size sizes[] = {{128, 256, 64}, {1, 1, 1},      {128, 192, 512},   {64, 128, 80},
                        {129, 257, 65}, {300, 500, 37}, {1000, 264, 1000}, {520, 3001, 136}};
  for (const bool split : {false, true}) {
    const std::string parts = split ? ", split" : "";
    for (const Size& size : sizes) {
      if (test.small() && size.m * size.n * size.k > 15'000'000) continue;
      test.ok("product", checkAdded<Rows>(test, "A B" + parts, size, split));
      test.ok("product", checkAdded<Columns>(test, "A^T B" + parts, size, split));
      test.ok("product", checkAdded<NarrowRows>(test, "A B, narrow" + parts, size, split));
      test.ok("product", checkAdded<NarrowColumns>(test, "A^T B, narrow" + parts, size, split));
      test.ok("product", checkTwo<Two>(test, "A B^T" + parts, size, split));
    }
  }
}

void timeProduct(Selftest& test) {
  if (!cuda::takesHopper(test.device())) return;
  timeOne<Two>(test, "two A B^T", {16384, 16384, 512}, Drop{}, {});
  timeOne<Two>(test, "two A B^T", {2816, 16384, 512}, Drop{}, {});
  timeOne<Rows>(test, "A B", {8192, 8192, 8192}, Drop{}, {});
  timeOne<Columns>(test, "A^T B", {8192, 8192, 8192}, Drop{}, {});
  timeAdded<Rows>(test, "A B", {3328, 512, 16384});
  timeAdded<Columns>(test, "A^T B", {16384, 512, 3328});
}

}  // namespace vlltr
