#include "ops/anchor_query.h"

#include <algorithm>
#include <cmath>

#include "vlltr/gemm.h"
#include "vlltr/layer_norm.h"
#include "vlltr/thread_pool.h"

namespace vlltr {
namespace {

constexpr float kNormEpsilon = 1e-5f;
constexpr double kLeastLength = 1e-12;
constexpr int64_t kRowsPerPart = 8;
constexpr int64_t kColumnsPerPart = 128;

int64_t parts(int64_t count, int64_t perPart) { return (count + perPart - 1) / perPart; }

/** Calls `row(b)` for each image. */
template <class Row>
void forRows(ThreadPool& pool, int64_t rows, Row&& row) {
  pool.run(parts(rows, kRowsPerPart), [&](int64_t part) {
    const int64_t end = std::min(rows, (part + 1) * kRowsPerPart);
    for (int64_t b = part * kRowsPerPart; b < end; ++b) row(b);
  });
}

double dot(int64_t width, const float* a, const float* b) {
  double sum = 0;
  for (int64_t i = 0; i < width; ++i) sum += static_cast<double>(a[i]) * b[i];
  return sum;
}

/** Takes the mean off a row. */
void centre(int64_t width, float* row) {
  double sum = 0;
  for (int64_t i = 0; i < width; ++i) sum += row[i];
  const auto mean = static_cast<float>(sum / static_cast<double>(width));
  for (int64_t i = 0; i < width; ++i) row[i] -= mean;
}

/** c = a b with b [D, D], transposed or not. */
Gemm project(int64_t rows, int64_t width, const float* a, const float* b, bool transposed, float* c) {
  return {rows, width, width, {a, width, false}, {b, width, transposed}, c, width, Precision::kFloat32};
}

/** c [D, D] = aᵀ b, summed over the images. */
Gemm outer(int64_t rows, int64_t width, const float* a, const float* b, float* c) {
  return {width, width, rows, {a, width, true}, {b, width, false}, c, width, Precision::kFloat32};
}

}  // namespace

Status makeQuery(const AnchorAttentionInputs& call, AnchorQuery* query) {
  const int64_t rows = call.batch, width = call.table->width();
  const int64_t matrix = Workspace::aligned(rows * width * 4), column = Workspace::aligned(rows * 8);
  if (!query->memory.reserve(5 * matrix + 3 * column)) {
    return Status(Code::kResourceExhausted, "anchorAttention: no memory for the queries");
  }
  int64_t at = 0;
  for (float** each : {&query->normed, &query->q, &query->r, &query->u, &query->unit}) {
    *each = reinterpret_cast<float*>(query->memory.at(at));
    at += matrix;
  }
  query->mean = reinterpret_cast<float*>(query->memory.at(at));
  query->rstd = reinterpret_cast<float*>(query->memory.at(at + column));
  query->length = reinterpret_cast<double*>(query->memory.at(at + 2 * column));

  ThreadPool* pool;
  VLLTR_RETURN_IF_ERROR(ThreadPool::shared(&pool));
  VLLTR_RETURN_IF_ERROR(layerNorm(LayerNormForward{rows, width, kNormEpsilon, call.x, call.gammaQ, call.betaQ,
                                                   query->normed, query->mean, query->rstd}));
  VLLTR_RETURN_IF_ERROR(gemm(project(rows, width, query->normed, call.wq, false, query->q)));
  VLLTR_RETURN_IF_ERROR(gemm(project(rows, width, query->q, call.wk, true, query->r)));
  forRows(*pool, rows, [&](int64_t b) {
    const float *x = call.x + b * width, *r = query->r + b * width;
    float *u = query->u + b * width, *unit = query->unit + b * width;
    for (int64_t i = 0; i < width; ++i) u[i] = r[i] * call.gammaK[i];
    centre(width, u);
    query->length[b] = std::sqrt(dot(width, x, x));
    const double inverse = 1 / std::max(query->length[b], kLeastLength);
    for (int64_t i = 0; i < width; ++i) unit[i] = static_cast<float>(x[i] * inverse);
  });
  return Status();
}

Status queryGradient(const AnchorAttentionBackward& call, const AnchorQuery& query, float* du, float* dunit) {
  const int64_t rows = call.batch, width = call.table->width(), matrix = Workspace::aligned(rows * width * 4);
  Workspace memory;
  if (!memory.reserve(2 * matrix)) {
    return Status(Code::kResourceExhausted, "anchorAttention gradient: no memory for the queries");
  }
  float* const dq = reinterpret_cast<float*>(memory.at(0));
  float* const dnormed = reinterpret_cast<float*>(memory.at(matrix));
  ThreadPool* pool;
  VLLTR_RETURN_IF_ERROR(ThreadPool::shared(&pool));

  forRows(*pool, rows, [&](int64_t b) { centre(width, du + b * width); });
  pool->run(parts(width, kColumnsPerPart), [&](int64_t part) {
    const int64_t first = part * kColumnsPerPart, count = std::min(kColumnsPerPart, width - first);
    double sums[kColumnsPerPart] = {};
    for (int64_t b = 0; b < rows; ++b) {
      const float* r = query.r + b * width + first;
      float* d = du + b * width + first;
      for (int64_t i = 0; i < count; ++i) {
        sums[i] += static_cast<double>(r[i]) * d[i];
        d[i] *= call.gammaK[first + i];
      }
    }
    for (int64_t i = 0; i < count; ++i) call.dgammaK[first + i] = static_cast<float>(sums[i]);
  });
  const float* const dr = du;
  VLLTR_RETURN_IF_ERROR(gemm(outer(rows, width, dr, query.q, call.dwk)));
  VLLTR_RETURN_IF_ERROR(gemm(project(rows, width, dr, call.wk, false, dq)));
  VLLTR_RETURN_IF_ERROR(gemm(outer(rows, width, query.normed, dq, call.dwq)));
  VLLTR_RETURN_IF_ERROR(gemm(project(rows, width, dq, call.wq, true, dnormed)));
  VLLTR_RETURN_IF_ERROR(layerNorm(LayerNormBackward{rows, width, dnormed, call.x, call.gammaQ, query.mean,
                                                    query.rstd, call.dx, call.dgammaQ, call.dbetaQ}));
  forRows(*pool, rows, [&](int64_t b) {
    const float *unit = query.unit + b * width, *d = dunit + b * width;
    float* dx = call.dx + b * width;
    const double length = query.length[b];
    // Where the length was clamped it is a constant.
    const double along = length > kLeastLength ? dot(width, unit, d) : 0;
    const double inverse = 1 / std::max(length, kLeastLength);
    for (int64_t i = 0; i < width; ++i) dx[i] += static_cast<float>((d[i] - unit[i] * along) * inverse);
  });
  return Status();
}

}  // namespace vlltr
