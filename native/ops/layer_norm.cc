#include "vlltr/layer_norm.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <string>
#include <vector>

#include "cpu/layer_norm.h"
#include "cpu/select.h"
#include "ops/arguments.h"
#include "vlltr/thread_pool.h"

namespace vlltr {
namespace {

constexpr KernelSet<LayerNormKernels> kKernels = VLLTR_KERNEL_SET(kLayerNorm);

// Less than this a part, and waking a thread costs more than it saves.
constexpr int64_t kElementsPerPart = 32 * 1024;
// Bounds the partial sums of the backward pass: 64 parts of two float64 a column.
constexpr int64_t kMostPartialSums = 64;
constexpr int64_t kColumnsPerPart = 512;

/** Rows cut into equal parts; depends on the shape alone, so sums do not depend on the number of threads. */
struct Partition {
  int64_t rows, rowsPerPart, parts;

  Partition(int64_t rows, int64_t width, int64_t mostParts)
      : rows(rows),
        rowsPerPart(std::max<int64_t>(
            {1, (kElementsPerPart + width - 1) / width, rows / mostParts + (rows % mostParts != 0)})),
        parts((rows + rowsPerPart - 1) / rowsPerPart) {}

  int64_t first(int64_t part) const { return part * rowsPerPart; }
  int64_t count(int64_t part) const { return std::min(rowsPerPart, rows - first(part)); }
};

struct Resources {
  const LayerNormKernels* kernels;
  ThreadPool* pool;
};

Status resources(Resources* found) {
  Isa isa;
  VLLTR_RETURN_IF_ERROR(chosenIsa(&isa));
  found->kernels = &kKernels.of(isa);
  return ThreadPool::shared(&found->pool);
}

/** Sums of `parts` rows of partial sums [parts, 2, width] in order of the parts, rounded once. */
void reduce(ThreadPool& pool, int64_t parts, int64_t width, const double* partial, float* dgamma,
            float* dbeta) {
  pool.run((width + kColumnsPerPart - 1) / kColumnsPerPart, [&](int64_t block) {
    const int64_t first = block * kColumnsPerPart;
    const int64_t count = std::min(kColumnsPerPart, width - first);
    for (int which = 0; which < 2; ++which) {
      double total[kColumnsPerPart] = {};
      for (int64_t part = 0; part < parts; ++part) {
        const double* from = partial + (2 * part + which) * width + first;
        for (int64_t i = 0; i < count; ++i) total[i] += from[i];
      }
      float* to = (which == 0 ? dgamma : dbeta) + first;
      for (int64_t i = 0; i < count; ++i) to[i] = static_cast<float>(total[i]);
    }
  });
}

}  // namespace

Status layerNorm(const LayerNormForward& call) {
  VLLTR_RETURN_IF_ERROR(checkMatrix("layerNorm", call.rows, call.width));
  const int64_t size = call.rows * call.width;
  if (!(call.epsilon >= 0 && std::isfinite(call.epsilon))) {
    return invalidArgument("layerNorm: epsilon is " + std::to_string(call.epsilon) +
                           ", expected a finite number >= 0");
  }
  VLLTR_RETURN_IF_ERROR(checkSpans(
      "layerNorm",
      {span("x", call.x, size), span("gamma", call.gamma, call.width), span("beta", call.beta, call.width)},
      {span("y", call.y, size), span("mean", call.mean, call.rows), span("rstd", call.rstd, call.rows)}));
  Resources use;
  VLLTR_RETURN_IF_ERROR(resources(&use));

  const Partition partition(call.rows, call.width, call.rows + 1);
  use.pool->run(partition.parts, [&](int64_t part) {
    const int64_t row = partition.first(part), at = row * call.width;
    use.kernels->forward(partition.count(part), call.width, call.epsilon, call.x + at, call.gamma, call.beta,
                         call.y + at, call.mean + row, call.rstd + row);
  });
  return Status();
}

Status layerNorm(const LayerNormBackward& call) {
  const char* op = "layerNorm gradient";
  VLLTR_RETURN_IF_ERROR(checkMatrix(op, call.rows, call.width));
  const int64_t size = call.rows * call.width;
  VLLTR_RETURN_IF_ERROR(
      checkSpans(op,
                 {span("dy", call.dy, size), span("x", call.x, size), span("gamma", call.gamma, call.width),
                  span("mean", call.mean, call.rows), span("rstd", call.rstd, call.rows)},
                 {span("dx", call.dx, size), span("dgamma", call.dgamma, call.width),
                  span("dbeta", call.dbeta, call.width)}));
  Resources use;
  VLLTR_RETURN_IF_ERROR(resources(&use));

  const Partition partition(call.rows, call.width, kMostPartialSums);
  std::vector<double> partial;
  try {
    partial.resize(static_cast<size_t>(partition.parts * 2 * call.width));
  } catch (const std::exception&) {
    return Status(Code::kResourceExhausted, std::string(op) + ": no memory for partial sums");
  }
  use.pool->run(partition.parts, [&](int64_t part) {
    const int64_t row = partition.first(part), at = row * call.width;
    double* sums = partial.data() + part * 2 * call.width;
    use.kernels->backward(partition.count(part), call.width, call.dy + at, call.x + at, call.gamma,
                          call.mean + row, call.rstd + row, call.dx + at, sums, sums + call.width);
  });
  reduce(*use.pool, partition.parts, call.width, partial.data(), call.dgamma, call.dbeta);
  return Status();
}

}  // namespace vlltr
