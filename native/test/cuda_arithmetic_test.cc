// Arithmetic that the CUDA kernels share with the host: rounding, sums of exponentials, and how S is cut.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "check.h"
#include "cuda/bfloat16.h"
#include "cuda/contrastive_math.h"
#include "cuda/contrastive_plan.h"
#include "random.h"

using namespace vlltr::cuda;

namespace {

void checkRounding() {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    const float value = fromBfloat16(half);
    if (std::isnan(value)) {
      CHECK(std::isnan(fromBfloat16(roundToBfloat16(value))));
      continue;
    }
    CHECK(roundToBfloat16(value) == half);
    // Half-way to the next goes to the even one, a little more up, a little less down.
    if ((bits & 0x7fff) >= 0x7f80) continue;
    const float next = fromBfloat16(static_cast<uint16_t>(bits + 1));
    if (std::isinf(next)) continue;
    const float middle = value + (next - value) / 2;
    CHECK(roundToBfloat16(middle) == (bits % 2 == 0 ? half : half + 1));
    CHECK(roundToBfloat16(std::nextafterf(middle, value)) == half);
    CHECK(roundToBfloat16(std::nextafterf(middle, next)) == half + 1);
  }
  CHECK(std::isnan(fromBfloat16(roundToBfloat16(std::numeric_limits<float>::quiet_NaN()))));
  Random random{41};
  for (int i = 0; i < 100000; ++i) {
    const float x = random() * std::exp(10 * random());
    const SplitFloat split = splitFloat(x);
    const double error = std::abs(double{fromBfloat16(split.high)} + fromBfloat16(split.low) - x);
    CHECK(error <= std::ldexp(std::abs(x), -17));
  }
}

/** Parts of a line merged in any order are the line. */
void checkPartials() {
  Random random{7};
  for (int round = 0; round < 200; ++round) {
    Partial sum;
    double student = 0, teacher = 0, product = 0;
    for (int part = 0; part < 9; ++part) {
      Partial one;
      one.most = random() * 40 + 100, one.sum = std::abs(random()) + 0.1f;
      one.teacherMost = random() * 40 - 90, one.teacherSum = std::abs(random()) + 0.1f;
      one.teacherProduct = random() + 2;
      student += std::exp2(double{one.most}) * one.sum;
      teacher += std::exp2(double{one.teacherMost}) * one.teacherSum;
      product += std::exp2(double{one.teacherMost}) * one.teacherProduct;
      sum = part % 2 == 0 ? merge(sum, one) : merge(one, sum);
    }
    CHECK(std::abs(logSum(sum.most, sum.sum) - std::log(student)) < 2e-5);
    CHECK(std::abs(logSum(sum.teacherMost, sum.teacherSum) - std::log(teacher)) < 2e-5);
    CHECK(std::abs(sum.teacherProduct / sum.teacherSum - product / teacher) < 2e-5);
  }
  const Partial nothing = merge(Partial{}, Partial{});
  CHECK(nothing.sum == 0 && nothing.teacherSum == 0 && std::isinf(logSum(nothing.most, nothing.sum)));
}

void checkRanks() {
  const LineStatistics a{3, -2, 5}, b{4, -1, 7};
  const LineStatistics both = merge(a, b);
  const double share = std::exp(-1.0) / (std::exp(-2.0) + std::exp(-1.0));
  CHECK(std::abs(both.lse - std::log(std::exp(3.0) + std::exp(4.0))) < 1e-6);
  CHECK(std::abs(both.teacherLse - std::log(std::exp(-2.0) + std::exp(-1.0))) < 1e-6);
  CHECK(std::abs(both.teacherMean - (5 + share * 2)) < 1e-6);
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const LineStatistics none = merge(LineStatistics{-kInfinity, -kInfinity, 0}, a);
  CHECK(none.lse == 3 && none.teacherLse == -2 && none.teacherMean == 5);
  CHECK(merge(LineStatistics{-kInfinity, 0, 0}, LineStatistics{-kInfinity, 0, 0}).lse == -kInfinity);
}

void checkTargets() {
  const TargetFactors factors = targetFactors(0.1f, 0.5f, 50);
  CHECK(std::abs(factors.match - 0.9f) < 1e-6f && std::abs(factors.smooth - 0.002f) < 1e-8f);
}

/** Blocks cover S, are whole tiles, and keep to the memory that they are given. */
void checkBlocks() {
  const int64_t sizes[] = {1, 127, 128, 129, 1000, 4096, 4097, 8192, 9001, 16384, 65536, 1000003};
  for (const int64_t rows : sizes) {
    for (const int64_t columns : sizes) {
      const SimilarityBlocks forward = forwardBlocks(rows, columns);
      CHECK(forward.rows % kSimilarityTile == 0 && forward.columns % kSimilarityTile == 0);
      CHECK(forward.rows <= 4096 && forward.columns <= 8192 && forward.rows > 0 && forward.columns > 0);
      for (const int64_t element : {2, 4}) {
        for (const int64_t held : {int64_t{0}, int64_t{128} << 20, int64_t{1} << 40}) {
          const int64_t bytes = differenceBytes(held);
          const SimilarityBlocks backward = backwardBlocks(rows, columns, element, bytes);
          CHECK(backward.rows % kSimilarityTile == 0 && backward.columns % kSimilarityTile == 0);
          CHECK(backward.rows > 0 && backward.columns > 0);
          CHECK(backward.rows * backward.columns * element <= bytes);
          CHECK(backward.rows < rows + kSimilarityTile && backward.columns < columns + kSimilarityTile);
        }
      }
    }
  }
}

}  // namespace

int main() {
  checkRounding();
  checkPartials();
  checkRanks();
  checkTargets();
  checkBlocks();
}
