#include "ops/anchor_table.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <exception>
#include <limits>
#include <string>
#include <utility>

#include "cpu/layer_norm.h"
#include "cpu/select.h"
#include "ops/arguments.h"
#include "ops/gemm_blocks.h"
#include "vlltr/thread_pool.h"

namespace vlltr {
namespace {

constexpr KernelSet<AnchorAttentionKernels> kKernels = VLLTR_KERNEL_SET(kAnchorAttention);
constexpr KernelSet<LayerNormKernels> kNorms = VLLTR_KERNEL_SET(kLayerNorm);
constexpr float kNormEpsilon = 1e-5f;

/** The share of a product with so many rows that whole tiles waste. */
double waste(int64_t rows, int64_t tileRows) {
  return static_cast<double>((rows + tileRows - 1) / tileRows * tileRows - rows) / static_cast<double>(rows);
}

/** From class `first` on: as many classes as make a chunk of a product, but rather fewer (down to half) where
 * tiles then fit. */
int64_t blockEnd(const AnchorTable::Data& data, int64_t first) {
  const int64_t tileRows = data.product().a.rows, limit = data.gemm->block;
  int64_t best = first + 1, rows = 0;
  double least = std::numeric_limits<double>::infinity();
  for (int64_t c = first; c < data.classes; ++c) {
    rows += data.count(c);
    if (rows > limit && c > first) break;
    if (rows == 0) {
      best = c + 1;
    } else if (2 * rows < limit) {
      best = c + 1, least = std::numeric_limits<double>::infinity();
    } else if (waste(rows, tileRows) <= least) {
      best = c + 1, least = waste(rows, tileRows);
    }
  }
  return best;
}

void layOut(const AnchorTableSource& source, AnchorTable::Data& data) {
  data.firstRow.push_back(0);
  int64_t gramBytes = 0;
  for (int64_t c = 0; c < source.classes; ++c) {
    const int64_t count = source.counts[c];
    data.firstRow.push_back(data.firstRow.back() + count);
    data.gramAt.push_back(gramBytes);
    gramBytes += Workspace::aligned(packedBytes(data.exact().a, count, count));
    data.mostClassRows = std::max(data.mostClassRows, count);
  }
  data.gramAt.push_back(gramBytes);
  for (int64_t c = 0; c < data.classes;) {
    const int64_t end = blockEnd(data, c), row = data.firstRow[static_cast<size_t>(c)];
    data.blocks.push_back({c, end - c, row, data.firstRow[static_cast<size_t>(end)] - row});
    data.mostRows = std::max(data.mostRows, data.blocks.back().rows);
    data.mostClasses = std::max(data.mostClasses, end - c);
    c = end;
  }
  data.keyScale.resize(static_cast<size_t>(data.rows()));
}

/** What one class's part of the table is made in. */
struct Scratch {
  std::vector<float> ones, zeros, stored, normed, moments, gram;

  explicit Scratch(const AnchorTable::Data& data)
      : ones(static_cast<size_t>(data.width), 1),
        zeros(static_cast<size_t>(data.width), 0),
        stored(static_cast<size_t>(data.mostClassRows * data.width)),
        normed(stored.size()),
        moments(static_cast<size_t>(2 * data.mostClassRows)),
        gram(static_cast<size_t>(data.mostClassRows * data.mostClassRows)) {}
};

/** Stores a class's anchors in two parts and puts what they then are into `stored`. */
void storeSplit(AnchorTable::Data& data, int64_t c, const float* anchors, float* stored) {
  const int64_t count = data.count(c), width = data.width;
  float* mean = reinterpret_cast<float*>(data.means.at(0)) + c * width;
  for (int64_t i = 0; i < width; ++i) {
    double sum = 0;
    for (int64_t m = 0; m < count; ++m) sum += anchors[m * width + i];
    mean[i] = count == 0 ? 0 : static_cast<float>(sum / static_cast<double>(count));
  }
  auto* rest =
      reinterpret_cast<uint16_t*>(data.anchors.at(0)) + data.firstRow[static_cast<size_t>(c)] * width;
  data.kernels->narrow(count, width, anchors, mean, rest);
  data.kernels->widen(count * width, rest, stored);
  for (int64_t m = 0; m < count; ++m) {
    for (int64_t i = 0; i < width; ++i) stored[m * width + i] += mean[i];
  }
}

void fill(AnchorTable::Data& data, int64_t c, const float* anchors, Scratch& scratch) {
  const int64_t count = data.count(c), width = data.width, row = data.firstRow[static_cast<size_t>(c)];
  const float* stored = anchors;
  if (data.split()) {
    storeSplit(data, c, anchors, scratch.stored.data());
    stored = scratch.stored.data();
  } else if (count > 0) {
    std::memcpy(data.anchors.at(row * width * 4), anchors,
                static_cast<size_t>(count * width) * sizeof(float));
  }
  if (count == 0) return;
  float* rstd = scratch.moments.data();
  kNorms.of(data.gemm->isa)
      .forward(count, width, kNormEpsilon, stored, scratch.ones.data(), scratch.zeros.data(),
               scratch.normed.data(), rstd + count, rstd);
  const double root = std::sqrt(static_cast<double>(width));
  for (int64_t m = 0; m < count; ++m) {
    data.keyScale[static_cast<size_t>(row + m)] = static_cast<float>(rstd[m] / root);
  }
  data.kernels->gram(count, width, stored, scratch.gram.data());
  data.exact().packA({scratch.gram.data(), count, false}, count, count,
                     data.gram.at(data.gramAt[static_cast<size_t>(c)]));
}

Status make(const AnchorTableSource& source, AnchorTable::Data& data) {
  VLLTR_RETURN_IF_ERROR(gemmKernels(&data.gemm));
  ThreadPool* pool;
  VLLTR_RETURN_IF_ERROR(ThreadPool::shared(&pool));
  data.classes = source.classes, data.perClass = source.perClass, data.width = source.width;
  data.precision = source.precision;
  data.kernels = &kKernels.of(data.gemm->isa);
  layOut(source, data);

  const int64_t anchorBytes = data.rows() * data.width * (data.split() ? 2 : 4);
  const int64_t meanBytes = data.split() ? data.classes * data.width * 4 : 0;
  const int64_t gramBytes = data.gramAt.back();
  if (!data.anchors.reserveLasting(anchorBytes) || !data.means.reserveLasting(meanBytes) ||
      !data.gram.reserveLasting(gramBytes)) {
    return Status(
        Code::kResourceExhausted,
        "anchorTable: no memory for " + std::to_string(anchorBytes + meanBytes + gramBytes) + " bytes");
  }
  data.bytes = anchorBytes + meanBytes + gramBytes + data.rows() * 4;

  constexpr int64_t kClassesPerPart = 16;
  std::atomic<bool> failed{false};
  pool->run((data.classes + kClassesPerPart - 1) / kClassesPerPart, [&](int64_t part) {
    try {
      Scratch scratch(data);
      const int64_t first = part * kClassesPerPart, end = std::min(data.classes, first + kClassesPerPart);
      for (int64_t c = first; c < end; ++c)
        fill(data, c, source.anchors + c * source.perClass * source.width, scratch);
    } catch (const std::exception&) {
      failed = true;
    }
  });
  if (failed) return Status(Code::kResourceExhausted, "anchorTable: no memory for the work on a class");
  return Status();
}

}  // namespace

Status checkAnchorTableSource(const AnchorTableSource& source) {
  const int64_t c = source.classes, m = source.perClass, d = source.width;
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max() / 64;
  if (c < 1 || m < 1 || d < 1 || m > kMost / c || d > kMost / (c * m) || m > kMost / (c * m)) {
    return invalidArgument("anchorTable: anchors are [" + std::to_string(c) + ", " + std::to_string(m) +
                           ", " + std::to_string(d) + "], expected [C, M, D], each at least 1");
  }
  VLLTR_RETURN_IF_ERROR(checkSpans(
      "anchorTable", {span("anchors", source.anchors, c * m * d), span("counts", source.counts, c)}, {}));
  for (int64_t i = 0; i < c; ++i) {
    if (source.counts[i] < 0 || source.counts[i] > m) {
      return invalidArgument("anchorTable: counts[" + std::to_string(i) + "] is " +
                             std::to_string(source.counts[i]) +
                             ", expected a number from 0 to M = " + std::to_string(m));
    }
  }
  return Status();
}

Status AnchorTable::make(const AnchorTableSource& source, std::shared_ptr<const AnchorTable>* table) {
  VLLTR_RETURN_IF_ERROR(checkAnchorTableSource(source));
  try {
    auto data = std::make_unique<Data>();
    VLLTR_RETURN_IF_ERROR(vlltr::make(source, *data));
    table->reset(new AnchorTable(std::move(data)));
  } catch (const std::exception&) {
    return Status(Code::kResourceExhausted, "anchorTable: no memory for its index");
  }
  return Status();
}

AnchorTable::AnchorTable(std::unique_ptr<Data> data) : data_(std::move(data)) {}
AnchorTable::~AnchorTable() = default;
int64_t AnchorTable::classes() const { return data_->classes; }
int64_t AnchorTable::perClass() const { return data_->perClass; }
int64_t AnchorTable::width() const { return data_->width; }
int64_t AnchorTable::bytes() const { return data_->bytes; }

}  // namespace vlltr
