#include "cuda/anchor_query.h"
#include "cuda/bfloat16.h"
#include "cuda/device.h"
#include "cuda/launch.cuh"
#include "cuda/project.h"
#include "cuda/reduce.cuh"

namespace vlltr::cuda {
namespace {

constexpr int kThreads = 256;
constexpr double kNormEpsilon = 1e-5;
constexpr double kLeastLength = 1e-12;

/** A block an image: LN(x) and x^. */
__global__ void __launch_bounds__(kThreads) normalise(AnchorAttentionInputs call, AnchorQuery query) {
  const int64_t b = blockIdx.x, width = query.width;
  const float* x = call.x + b * width;
  double sum = 0, squares = 0;
  for (int64_t i = threadIdx.x; i < width; i += kThreads) {
    sum += x[i];
    squares += static_cast<double>(x[i]) * x[i];
  }
  const double mean = blockSum<kThreads>(sum) / static_cast<double>(width);
  const double length = sqrt(blockSum<kThreads>(squares));
  double variance = 0;
  for (int64_t i = threadIdx.x; i < width; i += kThreads) variance += (x[i] - mean) * (x[i] - mean);
  const double rstd = rsqrt(blockSum<kThreads>(variance) / static_cast<double>(width) + kNormEpsilon);
  const double inverse = 1 / (length < kLeastLength ? kLeastLength : length);
  for (int64_t i = threadIdx.x; i < query.stride; i += kThreads) {
    SplitFloat unit{0, 0};
    if (i < width) {
      const auto hat = static_cast<float>((x[i] - mean) * rstd);
      query.normed[b * width + i] = hat * call.gammaQ[i] + call.betaQ[i];
      unit = splitFloat(static_cast<float>(x[i] * inverse));
    }
    uint16_t* to = query.factors + (query.batch + b) * query.stride + i;
    to[0] = unit.high;
    to[query.low()] = unit.low;
  }
  if (threadIdx.x == 0) {
    query.moments[2 * b] = static_cast<float>(mean);
    query.moments[2 * b + 1] = static_cast<float>(rstd);
    query.length[b] = length;
    if (b == 0) {
      *query.scale = static_cast<float>(exp(static_cast<double>(*call.logitScale)));
      *query.one = 1;
    }
  }
}

/** A block an image: u. */
__global__ void __launch_bounds__(kThreads) makeKeys(AnchorAttentionInputs call, AnchorQuery query) {
  const int64_t b = blockIdx.x, width = query.width;
  const float* r = query.r + b * width;
  double sum = 0;
  for (int64_t i = threadIdx.x; i < width; i += kThreads) sum += r[i] * call.gammaK[i];
  const auto mean = static_cast<float>(blockSum<kThreads>(sum) / static_cast<double>(width));
  for (int64_t i = threadIdx.x; i < query.stride; i += kThreads) {
    const SplitFloat u = splitFloat(i < width ? r[i] * call.gammaK[i] - mean : 0);
    uint16_t* to = query.factors + b * query.stride + i;
    to[0] = u.high;
    to[query.low()] = u.low;
  }
}

/** A block an image: du and dx^ out of their parts, and dr. */
__global__ void __launch_bounds__(kThreads)
    gather(AnchorAttentionBackward call, AnchorQuery query, AnchorQueryGradient with, const float* partial,
           int parts) {
  const int64_t b = blockIdx.x, width = query.width, matrix = query.batch * width;
  double sum = 0;
  for (int64_t i = threadIdx.x; i < width; i += kThreads) {
    float du = 0, dunit = 0;
#pragma unroll 8
    for (int p = 0; p < parts; ++p) {
      const float* from = partial + p * 2 * matrix + b * width + i;
      du += from[0];
      dunit += from[matrix];
    }
    with.du[b * width + i] = du;
    with.dunit[b * width + i] = dunit;
    sum += du;
  }
  const auto mean = static_cast<float>(blockSum<kThreads>(sum) / static_cast<double>(width));
  for (int64_t i = threadIdx.x; i < width; i += kThreads) {
    const float du = with.du[b * width + i] - mean;
    with.du[b * width + i] = du;
    with.dr[b * width + i] = du * call.gammaK[i];
  }
}

/** A block an image: dx, from what comes through the layer norm and through x^. */
__global__ void __launch_bounds__(kThreads)
    finish(AnchorAttentionBackward call, AnchorQuery query, AnchorQueryGradient with) {
  const int64_t b = blockIdx.x, width = query.width;
  const float *x = call.x + b * width, *dy = with.dnormed + b * width, *dunit = with.dunit + b * width;
  const double mean = query.moments[2 * b], rstd = query.moments[2 * b + 1], length = query.length[b];
  const double inverse = 1 / (length < kLeastLength ? kLeastLength : length);
  double sum = 0, alongHat = 0, alongUnit = 0;
  for (int64_t i = threadIdx.x; i < width; i += kThreads) {
    const double g = static_cast<double>(dy[i]) * call.gammaQ[i];
    sum += g;
    alongHat += g * ((x[i] - mean) * rstd);
    alongUnit += static_cast<double>(dunit[i]) * (x[i] * inverse);
  }
  sum = blockSum<kThreads>(sum) / static_cast<double>(width);
  alongHat = blockSum<kThreads>(alongHat) / static_cast<double>(width);
  alongUnit = blockSum<kThreads>(alongUnit);
  // Where the length was clamped it is a constant.
  if (!(length > kLeastLength)) alongUnit = 0;
  for (int64_t i = threadIdx.x; i < width; i += kThreads) {
    const double g = static_cast<double>(dy[i]) * call.gammaQ[i];
    const double norm = (g - sum - (x[i] - mean) * rstd * alongHat) * rstd;
    call.dx[b * width + i] = static_cast<float>(norm + (dunit[i] - x[i] * inverse * alongUnit) * inverse);
  }
}

constexpr int kColumns = 32, kLines = kThreads / kColumns;

/** A block kColumns columns, its warps sharing the images: the gradients of the layer norms' scales and
 * shift. */
__global__ void __launch_bounds__(kThreads)
    sumColumns(AnchorAttentionBackward call, AnchorQuery query, AnchorQueryGradient with) {
  const int column = static_cast<int>(threadIdx.x) % kColumns,
            line = static_cast<int>(threadIdx.x) / kColumns;
  const int64_t i = static_cast<int64_t>(blockIdx.x) * kColumns + column, width = query.width;
  double sums[3] = {};
  if (i < width) {
    for (int64_t b = line; b < query.batch; b += kLines) {
      const int64_t at = b * width + i;
      const double hat = (call.x[at] - static_cast<double>(query.moments[2 * b])) * query.moments[2 * b + 1];
      sums[0] += static_cast<double>(query.r[at]) * with.du[at];
      sums[1] += with.dnormed[at] * hat;
      sums[2] += with.dnormed[at];
    }
  }
  __shared__ double shared[3][kLines][kColumns];
  for (int s = 0; s < 3; ++s) shared[s][line][column] = sums[s];
  __syncthreads();
  if (line >= 3 || i >= width) return;
  double total = 0;
  for (int l = 0; l < kLines; ++l) total += shared[line][l][column];
  (line == 0 ? call.dgammaK : line == 1 ? call.dgammaQ : call.dbetaQ)[i] = static_cast<float>(total);
}

unsigned blocks(int64_t count) { return static_cast<unsigned>(count); }

}  // namespace

AnchorQuery::AnchorQuery(Arena& arena, int64_t images, int64_t d, int64_t rowStride)
    : batch(images), width(d), stride(rowStride) {
  scale = arena.take<float>(1);
  one = arena.take<float>(1);
  normed = arena.take<float>(batch * width);
  q = arena.take<float>(batch * width);
  r = arena.take<float>(batch * width);
  moments = arena.take<float>(2 * batch);
  length = arena.take<double>(batch);
  factors = arena.take<uint16_t>(2 * low());
}

AnchorQueryGradient::AnchorQueryGradient(Arena& arena, int64_t batch, int64_t width) {
  for (float** each : {&du, &dunit, &dr, &dq, &dnormed}) *each = arena.take<float>(batch * width);
}

Status makeQuery(cudaStream_t stream, const AnchorAttentionInputs& call, const AnchorQuery& query) {
  const int64_t rows = query.batch, width = query.width;
  if (rows == 0) return Status();
  VLLTR_RETURN_IF_ERROR(
      check(launch(stream, normalise, blocks(rows), kThreads, 0, call, query), "normalising images"));
  VLLTR_RETURN_IF_ERROR(
      project(stream, {rows, width, width, {query.normed, width, false}, {call.wq, width, false}, query.q}));
  VLLTR_RETURN_IF_ERROR(
      project(stream, {rows, width, width, {query.q, width, false}, {call.wk, width, true}, query.r}));
  return check(launch(stream, makeKeys, blocks(rows), kThreads, 0, call, query), "making the queries");
}

Status queryGradient(cudaStream_t stream, const AnchorAttentionBackward& call, const AnchorQuery& query,
                     const AnchorQueryGradient& with, const float* partial, int parts) {
  const int64_t rows = query.batch, width = query.width;
  const auto images = [&](const float* data) { return Matrix{data, width, false}; };
  const auto across = [&](const float* data) { return Matrix{data, width, true}; };
  if (rows > 0) {
    VLLTR_RETURN_IF_ERROR(
        check(launch(stream, gather, blocks(rows), kThreads, 0, call, query, with, partial, parts),
              "gathering gradients"));
  }
  VLLTR_RETURN_IF_ERROR(project(stream, {width, width, rows, across(with.dr), images(query.q), call.dwk}));
  VLLTR_RETURN_IF_ERROR(project(stream, {rows, width, width, images(with.dr), images(call.wk), with.dq}));
  VLLTR_RETURN_IF_ERROR(
      project(stream, {width, width, rows, across(query.normed), images(with.dq), call.dwq}));
  VLLTR_RETURN_IF_ERROR(
      project(stream, {rows, width, width, images(with.dq), across(call.wq), with.dnormed}));
  VLLTR_RETURN_IF_ERROR(check(
      launch(stream, sumColumns, blocks((width + kColumns - 1) / kColumns), kThreads, 0, call, query, with),
      "summing over images"));
  if (rows == 0) return Status();
  return check(launch(stream, finish, blocks(rows), kThreads, 0, call, query, with),
               "finishing the images' gradient");
}

}  // namespace vlltr::cuda
