#include "bench/peak.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <vector>

#if defined(VLLTR_X86)
#include <immintrin.h>
#endif

namespace vlltr::bench {
namespace {

/** Sums that do not wait for each other: enough to hide the latency of two multiply-adds a cycle. */
constexpr int kChains = 12;
constexpr int64_t kSteps = 1 << 18;

/** Multiplies and adds in registers alone; gives a number that depends on all of it. */
template <class Vector>
[[gnu::always_inline]] inline float multiplyAdd(float start) {
  Vector sums[kChains], factor = start + Vector{}, term = start + Vector{};
  for (Vector& sum : sums) sum = Vector{};
  for (int64_t step = 0; step < kSteps; ++step) {
#pragma GCC unroll 12
    for (int i = 0; i < kChains; ++i) sums[i] = sums[i] * factor + term;
  }
  float all = 0;
  for (const Vector& sum : sums) all += sum[0];
  return all;
}

/** A kernel, and what one call of it computes. */
struct Work {
  float (*call)(float start);
  double flops;
};

template <int kBytes>
using Floats [[gnu::vector_size(kBytes)]] = float;

template <int kBytes>
constexpr double kFlops = 2.0 * kSteps * kChains * (kBytes / 4);

float generic(float start) { return multiplyAdd<Floats<16>>(start); }

#if defined(VLLTR_X86)
[[gnu::target("avx2,fma")]] float avx2(float start) { return multiplyAdd<Floats<32>>(start); }
[[gnu::target("avx512f")]] float avx512(float start) { return multiplyAdd<Floats<64>>(start); }

[[gnu::target("avx512f,avx512bf16")]] float avx512bf16(float start) {
  __m512 sums[kChains];
  for (__m512& sum : sums) sum = _mm512_setzero_ps();
  const __m512bh factor = (__m512bh)_mm512_set1_ps(start);
  for (int64_t step = 0; step < kSteps; ++step) {
#pragma GCC unroll 12
    for (int i = 0; i < kChains; ++i) sums[i] = _mm512_dpbf16_ps(sums[i], factor, factor);
  }
  float all = 0;
  for (const __m512& sum : sums) all += sum[0];
  return all;
}
#endif

Work float32Work(Isa isa) {
#if defined(VLLTR_X86)
  if (isa == Isa::kAvx512 || isa == Isa::kAvx512Bf16) return {avx512, kFlops<64>};
  if (isa == Isa::kAvx2) return {avx2, kFlops<32>};
#endif
  static_cast<void>(isa);
  return {generic, kFlops<16>};
}

/** The least seconds that some work took. */
template <class Call>
double best(Call&& call) {
  double least = 1e9;
  for (int i = 0; i < 9; ++i) {
    const auto start = std::chrono::steady_clock::now();
    call();
    least = std::min(least, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return least;
}

double rate(const Work& work, ThreadPool& pool) {
  const int64_t parts = 8 * pool.threads();
  std::vector<float> results(parts);
  const double seconds = best([&] { pool.run(parts, [&](int64_t i) { results[i] = work.call(0.5f); }); });
  volatile float kept = results[0];
  static_cast<void>(kept);
  return static_cast<double>(parts) * work.flops / seconds;
}

double copyRate(ThreadPool& pool) {
  constexpr int64_t kPart = int64_t{16} << 20, kParts = 16;
  std::vector<char> from(kPart * kParts, 1), to(kPart * kParts, 2);
  const double seconds = best(
      [&] { pool.run(kParts, [&](int64_t i) { std::memcpy(&to[i * kPart], &from[i * kPart], kPart); }); });
  return 2.0 * kPart * kParts / seconds;
}

}  // namespace

Peak measurePeak(Isa isa, ThreadPool& pool) {
  const double float32 = rate(float32Work(isa), pool);
  double bfloat16 = float32;
#if defined(VLLTR_X86)
  if (isa == Isa::kAvx512Bf16) bfloat16 = rate({avx512bf16, 2 * kFlops<64>}, pool);
#endif
  return {float32, bfloat16, copyRate(pool)};
}

}  // namespace vlltr::bench
