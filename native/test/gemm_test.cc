// The matrix product against a naive float64 reference, for both precisions, all four storages and strides
// with gaps. The error allowed is relative to sum |a||b| of an element.
#include "vlltr/gemm.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <thread>
#include <vector>

#include "check.h"
#include "random.h"
#include "vlltr/isa.h"

namespace {

using vlltr::Precision;
using Floats = std::vector<float>;

constexpr float kPoison = 12345.5f;

/** To nearest, ties to even, by way of the standard library. */
float toBfloat16(float value) {
  if (!std::isfinite(value) || value == 0) return value;
  int exponent;
  const double mantissa = std::frexp(static_cast<double>(value), &exponent);  // 8 bits are kept
  return static_cast<float>(std::ldexp(std::nearbyint(std::ldexp(mantissa, 8)), exponent - 8));
}

struct Operand {
  int64_t rows, width, stride;
  Floats values;

  Operand(int64_t rows, int64_t width, int64_t gap, Random& random, float scale)
      : rows(rows), width(width), stride(width + gap), values(static_cast<size_t>(rows * stride), kPoison) {
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t i = 0; i < width; ++i) values[static_cast<size_t>(r * stride + i)] = random() * scale;
    }
  }
  float at(int64_t r, int64_t i) const { return values[static_cast<size_t>(r * stride + i)]; }
};

struct Problem {
  int64_t m, n, k;
  bool transposeA, transposeB;
  Precision precision;
  int64_t gap = 0;
  float scale = 1;
};

struct Case {
  Problem p;
  Random random;
  Operand a, b;
  int64_t cStride;
  Floats c;

  explicit Case(const Problem& p)
      : p(p),
        random{0x9E3779B97F4A7C15ull + static_cast<uint64_t>(p.m * 10007 + p.n * 101 + p.k)},
        a(p.transposeA ? p.k : p.m, p.transposeA ? p.m : p.k, p.gap, random, p.scale),
        b(p.transposeB ? p.n : p.k, p.transposeB ? p.k : p.n, p.gap, random, 1),
        cStride(p.n + p.gap),
        c(static_cast<size_t>(p.m * cStride), kPoison) {}

  vlltr::Gemm call() {
    return {p.m,
            p.n,
            p.k,
            {a.values.data(), a.stride, p.transposeA},
            {b.values.data(), b.stride, p.transposeB},
            c.data(),
            cStride,
            p.precision};
  }
};

void compare(const Problem& problem) {
  Case test(problem);
  CHECK_OK(vlltr::gemm(test.call()));
  const auto& p = problem;
  const auto factors = [&](const Operand& operand, bool transposed, int64_t rows) {
    std::vector<double> values;  // [rows, k], as they are multiplied
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t k = 0; k < p.k; ++k) {
        const float x = transposed ? operand.at(k, r) : operand.at(r, k);
        values.push_back(p.precision == Precision::kBfloat16 ? toBfloat16(x) : x);
      }
    }
    return values;
  };
  const auto left = factors(test.a, p.transposeA, p.m), right = factors(test.b, !p.transposeB, p.n);
  for (int64_t i = 0; i < p.m; ++i) {
    for (int64_t j = 0; j < test.cStride; ++j) {
      const float got = test.c[static_cast<size_t>(i * test.cStride + j)];
      if (j >= p.n) {
        CHECK(got == kPoison);  // between the rows
        continue;
      }
      double expected = 0, size = 1e-37;
      for (int64_t k = 0; k < p.k; ++k) {
        const double a = left[static_cast<size_t>(i * p.k + k)], b = right[static_cast<size_t>(j * p.k + k)];
        expected += a * b, size += std::abs(a * b);
      }
      if (std::abs(got - expected) <= 1e-6 * size) continue;
      std::fprintf(stderr, "[%lld, %lld] of %lld x %lld x %lld, %d %d, precision %d: %.9g, expected %.9g\n",
                   static_cast<long long>(i), static_cast<long long>(j), static_cast<long long>(p.m),
                   static_cast<long long>(p.n), static_cast<long long>(p.k), p.transposeA, p.transposeB,
                   static_cast<int>(p.precision), static_cast<double>(got), expected);
      std::exit(1);
    }
  }
}

/** Each bit pattern that matters, through the packing of both sides: 1 x value, value x 1. */
void rounding() {
  const float infinity = std::numeric_limits<float>::infinity();
  const Floats values = {1,
                         1.00390625f,
                         1.001953125f,
                         1.005859375f,
                         1.0058593f,
                         -1.00390625f,
                         3.3895314e38f,
                         -0.0f,
                         1.1754944e-38f,
                         1e-30f,
                         infinity,
                         -infinity,
                         255.5f,
                         0.1f,
                         -1e30f,
                         65535,
                         std::numeric_limits<float>::quiet_NaN()};
  const auto n = static_cast<int64_t>(values.size());
  const float one = 1;
  Floats left(values.size()), right(values.size());
  CHECK_OK(vlltr::gemm(
      {n, 1, 1, {values.data(), 1, false}, {&one, 1, false}, left.data(), 1, Precision::kBfloat16}));
  CHECK_OK(vlltr::gemm(
      {1, n, 1, {&one, 1, false}, {values.data(), n, false}, right.data(), n, Precision::kBfloat16}));
  for (size_t i = 0; i < values.size(); ++i) {
    const float expected = toBfloat16(values[i]);
    CHECK(left[i] == expected || (std::isnan(expected) && std::isnan(left[i])));
    CHECK(right[i] == expected || (std::isnan(expected) && std::isnan(right[i])));
  }
}

void sameBitsFromManyCallers() {
  const Problem problem{300, 500, 129, false, true, Precision::kFloat32};
  Case first(problem);
  CHECK_OK(vlltr::gemm(first.call()));
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 3; ++caller) {
    callers.emplace_back([&] {
      for (int repeat = 0; repeat < 3; ++repeat) {
        Case again(problem);
        CHECK_OK(vlltr::gemm(again.call()));
        CHECK(std::memcmp(again.c.data(), first.c.data(), first.c.size() * sizeof(float)) == 0);
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
}

void refusals() {
  const auto refused = [](auto change, const char* word) {
    Case test({4, 5, 6, false, false, Precision::kFloat32});
    vlltr::Gemm call = test.call();
    change(call);
    checkRefused(vlltr::gemm(call), word);
  };
  using vlltr::Gemm;
  refused([](Gemm& g) { g.rows = -1; }, "rows");
  refused([](Gemm& g) { g.depth = std::numeric_limits<int64_t>::max() / 4; }, "depth");
  refused([](Gemm& g) { g.a.stride = 5; }, "stride of a is 5, expected at least 6");
  refused([](Gemm& g) { g.b.stride = 4; }, "stride of b");
  refused([](Gemm& g) { g.cStride = 4; }, "stride of c");
  refused([](Gemm& g) { g.a.data = nullptr; }, "a is null");
  refused([](Gemm& g) { g.c = nullptr; }, "c is null");
  refused([](Gemm& g) { g.c = const_cast<float*>(g.b.data) + 10; }, "c overlaps b");
}

}  // namespace

int main() {
  const vlltr::Isa isa = isaOrSkip();
  Random random{77};
  for (const Precision precision : {Precision::kFloat32, Precision::kBfloat16}) {
    for (int storage = 0; storage < 4; ++storage) {
      const bool a = storage % 2 != 0, b = storage / 2 != 0;
      for (const int64_t m : {0, 1, 6, 14, 29}) {
        for (const int64_t n : {0, 1, 7, 16, 33, 65}) {
          for (const int64_t k : {0, 1, 2, 17, 34}) compare({m, n, k, a, b, precision, (m + n + k) % 3});
        }
      }
      compare({241, 257, 259, a, b, precision});  // several blocks, several parts of the depth
      compare({3, 481, 1030, a, b, precision, 5});
      compare({33, 35, 64, a, b, precision, 0, 1e30f});
      compare({33, 35, 64, a, b, precision, 0, 1e-30f});
      for (int i = 0; i < 100; ++i) {
        compare({random.integer(1, 60), random.integer(1, 70), random.integer(1, 80), a, b, precision,
                 random.integer(0, 3)});
      }
    }
  }
  // Several slabs of columns, of rows, of the depth.
  compare({3, 9001, 1030, false, false, Precision::kFloat32});
  compare({9001, 3, 1030, false, true, Precision::kFloat32});
  compare({5, 4100, 1100, true, false, Precision::kFloat32, 2});
  compare({5, 4100, 1101, true, true, Precision::kBfloat16, 2});
  rounding();
  sameBitsFromManyCallers();
  refusals();
  std::printf("gemm_test: ok (%s)\n", vlltr::isaName(isa));
}
