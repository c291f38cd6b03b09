// Built once an instruction set (see simd.h).
#include "cpu/contrastive.h"

#include "cpu/exp.h"
#include "cpu/simd.h"

namespace vlltr {
namespace {

using simd::broadcast;
using simd::FloatVector;
using simd::IntVector;
using simd::kFloats;
using simd::larger;
using simd::load;
using simd::store;

// What fills rows up: far below every similarity and finite, so that 0 times it is 0.
constexpr float kNone = -1e30f;

// One exponential serves a row and a column where neither lies farther below the tile's largest element: what
// exp(x - most) then loses to underflow, below e^-87, is less than e^-23 of either.
constexpr float kReach = 64;

inline float sum(FloatVector vector) {
  float total = 0;
  for (int64_t i = 0; i < kFloats; ++i) total += vector[i];
  return total;
}

inline float largest(FloatVector vector) {
  float most = vector[0];
  for (int64_t i = 1; i < kFloats; ++i) most = vector[i] > most ? vector[i] : most;
  return most;
}

/** The vector where `same` is all ones, 0 where it is 0. */
inline FloatVector where(IntVector same, FloatVector vector) { return FloatVector(same & IntVector(vector)); }

/** Numbers of the lanes. */
inline IntVector lanes() {
  IntVector vector;
  for (int64_t i = 0; i < kFloats; ++i) vector[i] = static_cast<int32_t>(i);
  return vector;
}

float scale(const ContrastiveTile& t, float factor, float* scores, float* rowMost, float* columnMost) {
  for (int64_t v = 0; v < t.stride; v += kFloats) store(columnMost + v, broadcast(kNone));
  FloatVector mostOfAll = broadcast(kNone);
  for (int64_t r = 0; r < t.rows; ++r) {
    float* row = scores + r * t.stride;
    FloatVector most = broadcast(kNone);
    const auto put = [&](int64_t v, FloatVector x) {
      store(row + v, x);
      most = larger(x, most);
      store(columnMost + v, larger(x, load<FloatVector>(columnMost + v)));
    };
    int64_t v = 0;
    for (; v + kFloats <= t.columns; v += kFloats) put(v, load<FloatVector>(row + v) * factor);
    for (; v < t.stride; v += kFloats) {
      const IntVector exists = lanes() < static_cast<int32_t>(t.columns - v);
      put(v, exists ? load<FloatVector>(row + v) * factor : broadcast(kNone));
    }
    rowMost[r] = largest(most);
    mostOfAll = larger(most, mostOfAll);
  }
  return largest(mostOfAll);
}

template <bool kShared, bool kMean>
void addUp(const ContrastiveTile& t, const float* scores, const float* values, const ContrastiveSums& rows,
           const ContrastiveSums& columns) {
  for (int64_t v = 0; v < t.stride; v += kFloats) {
    store(columns.sum + v, FloatVector{});
    if constexpr (kMean) store(columns.mean + v, FloatVector{});
  }
  for (int64_t r = 0; r < t.rows; ++r) {
    const float* row = scores + r * t.stride;
    const float* value = values + r * t.stride;
    const float most = rows.most[r];
    FloatVector total{}, mean{};
    for (int64_t v = 0; v < t.stride; v += kFloats) {
      const FloatVector x = load<FloatVector>(row + v);
      const FloatVector e = simd::exp(x - most);
      FloatVector down = e;
      if constexpr (!kShared) down = simd::exp(x - load<FloatVector>(columns.most + v));
      total += e;
      store(columns.sum + v, load<FloatVector>(columns.sum + v) + down);
      if constexpr (kMean) {
        const FloatVector y = load<FloatVector>(value + v);
        mean += e * y;
        store(columns.mean + v, load<FloatVector>(columns.mean + v) + down * y);
      }
    }
    rows.sum[r] = sum(total);
    if constexpr (kMean) rows.mean[r] = sum(mean);
  }
}

void sums(const ContrastiveTile& t, float most, const float* scores, const float* values,
          const ContrastiveSums& rows, const ContrastiveSums& columns) {
  bool shared = true;
  for (int64_t r = 0; r < t.rows; ++r) shared &= most - rows.most[r] <= kReach;
  for (int64_t c = 0; c < t.columns; ++c) shared &= most - columns.most[c] <= kReach;
  if (shared) {
    for (int64_t r = 0; r < t.rows; ++r) rows.most[r] = most;
    for (int64_t v = 0; v < t.stride; v += kFloats) store(columns.most + v, broadcast(most));
  }
  if (values == nullptr) {
    (shared ? addUp<true, false> : addUp<false, false>)(t, scores, scores, rows, columns);
  } else {
    (shared ? addUp<true, true> : addUp<false, true>)(t, scores, values, rows, columns);
  }
}

void merge(int64_t lines, const ContrastiveSums& from, const ContrastiveSums& into) {
  for (int64_t v = 0; v < lines; v += kFloats) {
    const FloatVector theirs = load<FloatVector>(from.most + v), mine = load<FloatVector>(into.most + v);
    const FloatVector most = larger(theirs, mine);
    const FloatVector added = simd::exp(theirs - most), kept = simd::exp(mine - most);
    store(into.most + v, most);
    const auto put = [&](const float* more, float* total) {
      store(total + v, load<FloatVector>(total + v) * kept + load<FloatVector>(more + v) * added);
    };
    put(from.sum, into.sum);
    if (into.mean != nullptr) put(from.mean, into.mean);
  }
}

double targetSum(const ContrastiveTile& t, const float* scores, const ContrastiveTargets& targets) {
  double total = 0;
  for (int64_t r = 0; r < t.rows; ++r) {
    const float* row = scores + r * t.stride;
    const int32_t mine = targets.rowClass[r];
    FloatVector positive{}, all{};
    for (int64_t v = 0; v < t.stride; v += kFloats) {
      const FloatVector x = load<FloatVector>(row + v);
      positive += where(load<IntVector>(targets.columnClass + v) == mine, x);
      all += load<FloatVector>(targets.columnShare + v) * x;
    }
    total += static_cast<double>(targets.rowShare[r]) * sum(positive) + sum(all);
  }
  return total;
}

/** What a tile's softmax becomes. */
enum class Use { kSoftmax, kGradient, kTaughtGradient };

template <bool kShared, Use kUse>
double differentiate(const ContrastiveTile& t, float most, const ContrastiveSoftmax& with,
                     const ContrastiveTargets* targets, float targetFactor, const float* teacher,
                     float* scores) {
  if constexpr (kShared) {
    for (int64_t v = 0; v < t.stride; v += kFloats) {
      store(with.scratch + v, simd::exp(most - load<FloatVector>(with.columnLse + v)) * with.factor);
    }
  }
  double total = 0;
  for (int64_t r = 0; r < t.rows; ++r) {
    float* row = scores + r * t.stride;
    const float lse = with.rowLse[r];
    const FloatVector across = simd::exp(broadcast(most - lse)) * with.factor;
    FloatVector along{};
    for (int64_t v = 0; v < t.stride; v += kFloats) {
      const FloatVector s = load<FloatVector>(row + v);
      FloatVector x;
      if constexpr (kShared) {
        x = simd::exp(s - most) * (across + load<FloatVector>(with.scratch + v));
      } else {
        x = (simd::exp(s - lse) + simd::exp(s - load<FloatVector>(with.columnLse + v))) * with.factor;
      }
      if constexpr (kUse != Use::kSoftmax) {
        const IntVector same = load<IntVector>(targets->columnClass + v) == targets->rowClass[r];
        x -= (where(same, broadcast(targets->rowShare[r])) + load<FloatVector>(targets->columnShare + v)) *
             targetFactor;
        if constexpr (kUse == Use::kTaughtGradient) x -= load<FloatVector>(teacher + r * t.stride + v);
        along += x * s;
      }
      store(row + v, x);
    }
    total += sum(along);
  }
  return total;
}

/** Whether exp(most - lse) neither overflows nor leaves exp(x - most) to underflow where it counts. */
bool within(const ContrastiveTile& t, float most, const ContrastiveSoftmax& with) {
  bool shared = true;
  for (int64_t r = 0; r < t.rows; ++r) shared &= most - with.rowLse[r] <= kReach;
  for (int64_t c = 0; c < t.columns; ++c) shared &= most - with.columnLse[c] <= kReach;
  return shared;
}

void softmax(const ContrastiveTile& t, float most, const ContrastiveSoftmax& with, float* scores) {
  constexpr Use kUse = Use::kSoftmax;
  (within(t, most, with) ? differentiate<true, kUse> : differentiate<false, kUse>)(t, most, with, nullptr, 0,
                                                                                   nullptr, scores);
}

double gradient(const ContrastiveTile& t, float most, const ContrastiveSoftmax& with,
                const ContrastiveTargets& targets, float targetFactor, const float* teacher, float* scores) {
  const bool shared = within(t, most, with);
  const auto kernel =
      teacher == nullptr
          ? (shared ? differentiate<true, Use::kGradient> : differentiate<false, Use::kGradient>)
          : (shared ? differentiate<true, Use::kTaughtGradient> : differentiate<false, Use::kTaughtGradient>);
  return kernel(t, most, with, &targets, targetFactor, teacher, scores);
}

}  // namespace

extern constexpr ContrastiveKernels VLLTR_FOR_ISA(kContrastive) = {
    Isa::VLLTR_FOR_ISA(k), scale, sums, merge, targetSum, softmax, gradient};

}  // namespace vlltr
