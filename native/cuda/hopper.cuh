// How Hopper's kernels are started, products above all (hopper_kernel.cuh: what they do).
#pragma once

#include <algorithm>
#include <cstdint>

#include "cuda/device.h"
#include "cuda/hopper_kernel.cuh"
#include "cuda/hopper_map.h"

namespace vlltr::cuda::hopper {

/** How a product is done. */
struct Manner {
  const void *rowLines = nullptr, *columnLines = nullptr;
  bool spread = false;        // of one product: see Work; the epilogue minds `later` and `last`
  bool rightFirst = false;    // see Order
  const int* list = nullptr;  // see Call
};

/** Enqueues a kernel of Hopper's with clusters for `pieces` of work, as many as the card has room for at
 * once, and blocks of so many bytes of shared memory. */
template <int kCluster, class... Parameters, class... Arguments>
Status launchClusters(const Device::Data& device, void (*kernel)(Parameters...), int64_t pieces, int bytes,
                      const Arguments&... arguments) {
  VLLTR_RETURN_IF_ERROR(
      check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes),
            "asking for shared memory"));
  cudaLaunchAttribute cluster;
  cluster.id = cudaLaunchAttributeClusterDimension;
  cluster.val.clusterDim.x = kCluster, cluster.val.clusterDim.y = cluster.val.clusterDim.z = 1;
  cudaLaunchConfig_t config = {};
  const auto clusters = static_cast<int>(std::min<int64_t>(pieces, device.card.multiprocessors / kCluster));
  config.gridDim = dim3(static_cast<unsigned>(clusters * kCluster));
  config.blockDim = dim3(kThreads);
  config.dynamicSmemBytes = static_cast<size_t>(bytes);
  config.stream = device.stream;
  config.attrs = &cluster;
  config.numAttrs = kCluster > 1 ? 1 : 0;
  return check(cudaLaunchKernelEx(&config, kernel, arguments...), "launching a kernel of Hopper's");
}

/** Enqueues a product of rows by columns. Depths are the operands' own; all of an operand's edges may be
 * ragged. Callers see to it that the card is of compute capability 9.0. */
template <class Form, class Epilogue>
Status launch(const Device::Data& device, const HopperMatrix (&a)[Form::kProducts],
              const HopperMatrix (&b)[Form::kProducts], const Epilogue& epilogue, const Manner& manner = {}) {
  Call<Form::kProducts> call;
  call.terms = a[0].low != 0 ? 3 : 1;
  for (int p = 0; p < Form::kProducts; ++p) {
    const bool deepA = Form::kA == Major::kDepth, deepB = Form::kB == Major::kDepth;
    call.rows = static_cast<int>(deepA ? a[p].rows : a[p].columns);
    call.columns = static_cast<int>(deepB ? b[p].rows : b[p].columns);
    call.steps[p] = static_cast<int>(((deepA ? a[p].columns : a[p].rows) + kDeep - 1) / kDeep);
    for (int part = 0; part < (call.terms > 1 ? 2 : 1); ++part) {
      VLLTR_RETURN_IF_ERROR(
          mapMatrix(a[p].part(part), deepA ? kTileRows / Form::kBeside : kDeep, &call.a[p].part[part]));
      VLLTR_RETURN_IF_ERROR(mapMatrix(b[p].part(part), deepB ? Form::kTileColumns / Form::kDown : kDeep,
                                      &call.b[p].part[part]));
    }
  }
  const int high = kTileRows * Form::kDown, wide = Form::kTileColumns * Form::kBeside;
  call.order = {(call.rows + high - 1) / high, (call.columns + wide - 1) / wide, manner.rightFirst};
  call.spread = manner.spread;
  call.list = manner.list;
  call.rowLines = static_cast<const char*>(manner.rowLines);
  call.columnLines = static_cast<const char*>(manner.columnLines);
  const auto kernel = product<Form, Epilogue>;
  const int64_t pieces =
      static_cast<int64_t>(call.order.count()) * (call.spread ? call.steps[0] * call.terms : 1);
  return launchClusters<Form::kCluster>(device, kernel, pieces, Layout<Form, Epilogue>::kBytes, call,
                                        epilogue);
}

}  // namespace vlltr::cuda::hopper
