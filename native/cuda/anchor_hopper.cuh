// The attention to anchors on Hopper: scores of 128 images and two classes a block, formed in registers and
// attended to there. One warpgroup feeds a ring of stages by the copy engine; two multiply, 64 images each,
// and have both the scores of u and those of x^ at once. Blocks are persistent, two a cluster, which share
// images.
#pragma once

#include <cuda.h>

#include <type_traits>

#include "cuda/anchor_lines.cuh"
#include "cuda/hopper_form.cuh"
#include "cuda/hopper_ptx.cuh"
#include "cuda/hopper_wgmma.cuh"
#include "cuda/launch.cuh"

namespace vlltr::cuda {

struct HopperAttend {
  static constexpr int kImages = hopper::kTileRows, kBlockClasses = 2, kCluster = 2;
  static constexpr int kClasses = kBlockClasses * kCluster;  // of a cluster
  static constexpr int kLeadBarrier = 1;                     // of all threads that multiply

  Attend attend;
  CUtensorMap queries[2], anchors[2];  // high parts, low parts; of all images, and of the whole table
  int steps;                           // of kDeep, in a term
  int terms;                           // 1, or 3 where both factors are split
  int imageTiles, tiles;               // tiles: of all clusters, images first, so that anchors are read once
  int lead;                            // steps that one warpgroup is ahead of the other, or 0

  explicit HopperAttend(const AttendCall& call) : attend(call) {}
};

/** Shared memory of a block: stages of u, x^ and anchors; the Gram matrices of its classes; barriers. */
struct AttendRing {
  static constexpr int kStages = 4, kBytesPart = hopper::kTileRows * hopper::kDeep * 2;
  static constexpr int kStageBytes = 3 * kBytesPart, kGramBytes = kGramHalves * 2;
  static constexpr int kGramAt = kStages * kStageBytes;
  static constexpr int kBarriersAt = kGramAt + HopperAttend::kBlockClasses * kGramBytes;
  static constexpr int kBytes = hopper::kAtomBytes + kBarriersAt + 8 * (2 * kStages + 2);
  static_assert(kBytes <= hopper::kSharedBytes);
  static_assert(HopperAttend::kBlockClasses * kClassAnchors == hopper::kTileRows);

  uint32_t base;
  __device__ uint32_t u(int stage) const { return base + stage * kStageBytes; }
  __device__ uint32_t x(int stage) const { return u(stage) + kBytesPart; }
  __device__ uint32_t anchors(int stage) const { return x(stage) + kBytesPart; }
  __device__ uint32_t gram() const { return base + kGramAt; }
  __device__ uint32_t full(int stage) const { return base + kBarriersAt + 8 * stage; }
  __device__ uint32_t empty(int stage) const { return full(kStages + stage); }
  __device__ uint32_t gramFull() const { return full(2 * kStages); }
  __device__ uint32_t gramEmpty() const { return full(2 * kStages + 1); }
};

/** A block's tile. Classes are counted from the chunk's first; those past its end are attended to by none. */
struct AttendTile {
  int image, c;
  __device__ __forceinline__ AttendTile(const HopperAttend& call, int index, int rank)
      : image(index % call.imageTiles * HopperAttend::kImages),
        c(index / call.imageTiles * HopperAttend::kClasses + rank * HopperAttend::kBlockClasses) {}
};

/** One thread's work: every stage of every tile. The images come by halves, each to both blocks. */
__device__ __forceinline__ void feedAttention(const HopperAttend& call, AttendRing ring, int rank) {
  using Ring = AttendRing;
  constexpr int kC = HopperAttend::kCluster, kPart = hopper::kTileRows / kC;
  constexpr auto kAll = static_cast<uint16_t>((1 << kC) - 1);
  const AttendCall& attend = call.attend.call;
  const auto batch = static_cast<int>(attend.batch);
  hopper::Place<Ring::kStages> stage;
  int gramParity = 0;
  for (int index = blockIdx.x / kC; index < call.tiles; index += gridDim.x / kC) {
    const AttendTile tile(call, index, rank);
    int rows[HopperAttend::kBlockClasses];
    int64_t classes[HopperAttend::kBlockClasses];
#pragma unroll
    for (int k = 0; k < HopperAttend::kBlockClasses; ++k) {
      classes[k] = attend.chunk.firstClass + min(tile.c + k, static_cast<int>(attend.chunk.classes) - 1);
      rows[k] = call.attend.firstRow[classes[k]];
    }
    const int image = tile.image + rank * kPart, total = call.steps * call.terms;
    const int gramStep =
        min(total - 1, Ring::kStages);  // not before the ring is full: it waits for an epilogue
    int term = 0, depth = 0;
    for (int step = 0; step < total; ++step, stage.advance()) {
      if (step == gramStep) {
        hopper::awaitBarrier(ring.gramEmpty(), gramParity ^ 1);
        hopper::expectBytes(ring.gramFull(), HopperAttend::kBlockClasses * Ring::kGramBytes);
#pragma unroll
        for (int k = 0; k < HopperAttend::kBlockClasses; ++k) {
          hopper::copyBytes(ring.gram() + k * Ring::kGramBytes,
                            call.attend.gramParts + classes[k] * kGramHalves, Ring::kGramBytes,
                            ring.gramFull());
        }
        gramParity ^= 1;
      }
      // The small terms come first, so that the sums lose less of them.
      const CUtensorMap* const queries = &call.queries[call.terms > 1 && term == 0];
      const CUtensorMap* const anchors = &call.anchors[call.terms > 1 && term == 1];
      hopper::awaitBarrier(ring.empty(stage.at), stage.parity ^ 1);
      const uint32_t full = ring.full(stage.at), part = rank * (Ring::kBytesPart / kC);
      hopper::expectBytes(full, Ring::kStageBytes);
      hopper::copyBox(ring.u(stage.at) + part, queries, depth, image, full, kAll);
      hopper::copyBox(ring.x(stage.at) + part, queries, depth, batch + image, full, kAll);
#pragma unroll
      for (int k = 0; k < HopperAttend::kBlockClasses; ++k) {
        hopper::copyBox(ring.anchors(stage.at) + k * hopper::kBoxBytes, anchors, depth, rows[k], full);
      }
      if ((depth += hopper::kDeep) == call.steps * hopper::kDeep) depth = 0, ++term;
    }
  }
}

/** Scores of keys out of products: those of the class's mean added, then scaled; 0 past its anchors. Those of
 * the images stay without the mean's, and past the anchors are the next class's: weights of 0 cancel them. */
__device__ __forceinline__ void finishScores(const Attend& with, const ClassLines& at, ClassFragments& l) {
  const AttendCall& call = with.call;
  const float* const keyScale = with.keyScale + at.row + at.column;
  const int left = at.anchors - at.column;
  float keys[2] = {};
  if (call.scores.means != nullptr) {
    const float* const means = call.scores.means + at.c - call.chunk.firstClass;
#pragma unroll
    for (int half = 0; half < 2; ++half) keys[half] = means[at.images[half] * call.chunk.classes];
  }
#pragma unroll
  for (int j = 0; j < kClassFragments; ++j) {
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      const int column = classColumn(j, i);
      const float scale = column < left ? keyScale[column] : 0;
      l[j][i] = (l[j][i] + keys[0]) * scale;
      l[j][i + 2] = (l[j][i + 2] + keys[1]) * scale;
    }
  }
}

/** A warpgroup's work: 64 images of every tile. */
template <bool kGradient, bool kWhole>
__device__ __forceinline__ void attendToTiles(const HopperAttend& call, AttendRing ring, const char* memory,
                                              int warpgroup) {
  using hopper::Major;
  using Ring = AttendRing;
  constexpr int kC = HopperAttend::kCluster;
  const AttendCall& attend = call.attend.call;
  // The stage whose products are not known to be over. Each warp says that it has done with a stage, in every
  // block of the cluster, as all of them write into it.
  int held = -1;
  const auto release = [&] {
    const int lane = static_cast<int>(threadIdx.x) % kWarp;
    if (held >= 0 && lane < kC) hopper::arriveRemote(ring.empty(held), lane);
  };
  const int first = blockIdx.x / kC, clusters = gridDim.x / kC;
  for (int index = first; index < call.tiles; index += clusters) {
    const AttendTile tile(call, index, hopper::clusterRank());
    // Where the ring is: told by the number of tiles before, so that epilogues have the registers.
    const int before = (index - first) / clusters, steps = before * call.steps * call.terms;
    hopper::Place<Ring::kStages> stage = {steps % Ring::kStages, steps / Ring::kStages % 2};
    // One warpgroup stays behind, so that its products go on while the other attends.
    if (call.lead > 0 && warpgroup == 1) {
      hopper::synchronizeThreads(HopperAttend::kLeadBarrier, 128 * hopper::kConsumers);
    }
    hopper::Sums<hopper::kTileRows> u, x;
    const auto step = [&]<bool kAdd>(std::bool_constant<kAdd>) {
      hopper::awaitBarrier(ring.full(stage.at), stage.parity);
      constexpr int kAdvance = hopper::kDepthAdvance<Major::kDepth>;
      const uint32_t mine = warpgroup * hopper::kBoxBytes;
      const uint64_t ofU = hopper::describe<Major::kDepth>(ring.u(stage.at) + mine);
      const uint64_t ofX = hopper::describe<Major::kDepth>(ring.x(stage.at) + mine);
      const uint64_t anchors = hopper::describe<Major::kDepth>(ring.anchors(stage.at));
      hopper::beginProducts();
      hopper::multiply<Major::kDepth, Major::kDepth, kAdd>(u, ofU, anchors);
      hopper::multiply<Major::kDepth, Major::kDepth, kAdd>(x, ofX, anchors);
#pragma unroll
      for (int k = 1; k < hopper::kDeep / 16; ++k) {
        hopper::multiply<Major::kDepth, Major::kDepth, true>(u, ofU + k * kAdvance, anchors + k * kAdvance);
        hopper::multiply<Major::kDepth, Major::kDepth, true>(x, ofX + k * kAdvance, anchors + k * kAdvance);
      }
      hopper::commitProducts();
      hopper::awaitProducts<1>();
      release();
      held = stage.at;
      stage.advance();
    };
    const auto lead = [&](int done) {
      if (done == call.lead && warpgroup == 0) {
        hopper::arriveThreads(HopperAttend::kLeadBarrier, 128 * hopper::kConsumers);
      }
    };
    step(std::false_type{}), lead(1);
    for (int i = 2; i <= call.steps * call.terms; ++i) step(std::true_type{}), lead(i);
    hopper::awaitProducts<0>();
    release();
    held = -1;
    hopper::pin(u), hopper::pin(x);

    hopper::awaitBarrier(ring.gramFull(), before % 2);
    // Asked for anew, as what is kept while products are formed takes registers now.
    const int thread = threadNumber(), lane = thread % kWarp, warp = thread / kWarp - 4;  // 8 warps multiply
    const int image = tile.image + warp * 16;
#pragma unroll
    for (int k = 0; k < HopperAttend::kBlockClasses; ++k) {
      keepOrder();
      if (tile.c + k >= attend.chunk.classes || image >= attend.batch) continue;
      const int c = static_cast<int>(attend.chunk.firstClass) + tile.c + k;
      ClassLines at{c, call.attend.firstRow[c], 0, sumColumn(lane, 0), {}, {}};
      at.anchors = call.attend.firstRow[c + 1] - at.row;
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int line = image + sumRow(lane, 2 * half);
        at.there[half] = line < attend.batch;
        at.images[half] = min(line, static_cast<int>(attend.batch) - 1);
      }
      if (at.anchors == 0) {
        attendToNone(attend, at);
        continue;
      }
      keepOrder();
      auto& l = reinterpret_cast<ClassFragments&>(u[k * kClassFragments]);
      auto& h = reinterpret_cast<ClassFragments&>(x[k * kClassFragments]);
      finishScores(call.attend, at, l);
      const auto* gram = reinterpret_cast<const uint4*>(memory + Ring::kGramAt + k * Ring::kGramBytes) + lane;
      const double terms = attendLines<kGradient, kWhole, true>(call.attend, at, gram, l, h);
      if constexpr (kGradient) {
        const double sum = warpSum(terms);
        const int number = blockIdx.x * hopper::kConsumers * 4 + warp;
        if (lane == 0) attend.scaleTerms[number] += sum;
      }
    }
    __syncwarp();
    if (lane == 0) hopper::arrive(ring.gramEmpty());
  }
}

template <bool kGradient, bool kWhole>
__global__ void __launch_bounds__(hopper::kThreads, 1)
    attendHopperKernel(const __grid_constant__ HopperAttend call) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  VLLTR_DYNAMIC_SHARED(char, memory, __align__(16));
  const uint32_t begin = hopper::sharedAddress(memory);
  const AttendRing ring = {(begin + hopper::kAtomBytes - 1) & ~uint32_t{hopper::kAtomBytes - 1}};
  if (threadIdx.x == 0) {
    for (int stage = 0; stage < AttendRing::kStages; ++stage) {
      hopper::initBarrier(ring.full(stage), 1);
      hopper::initBarrier(ring.empty(stage), 4 * hopper::kConsumers * HopperAttend::kCluster);
    }
    hopper::initBarrier(ring.gramFull(), 1), hopper::initBarrier(ring.gramEmpty(), 4 * hopper::kConsumers);
    hopper::publishBarriers();
    hopper::prefetchMap(&call.queries[0]), hopper::prefetchMap(&call.anchors[0]);
  }
  __syncthreads();
  hopper::synchronizeCluster();
  const int warpgroup = __shfl_sync(0xffffffffu, static_cast<int>(threadIdx.x) / 128, 0);
  if (warpgroup == 0) {
    hopper::giveRegisters<40>();
    if (threadIdx.x == 0) feedAttention(call, ring, hopper::clusterRank());
  } else {
    hopper::takeRegisters<232>();
    attendToTiles<kGradient, kWhole>(call, ring, memory + (ring.base - begin), warpgroup - 1);
  }
  // No block ends while another may still write to it.
  __syncwarp();
  hopper::synchronizeCluster();
#endif
}

}  // namespace vlltr::cuda
