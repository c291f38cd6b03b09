// How a multiplying warpgroup goes through the stages: steps of a product, and what it does while they run.
#pragma once

#include <cstdint>
#include <type_traits>

#include "cuda/hopper_form.cuh"
#include "cuda/hopper_ptx.cuh"
#include "cuda/hopper_wgmma.cuh"

namespace vlltr::cuda::hopper {

template <class Form, class Epilogue>
struct Steps {
  using L = Layout<Form, Epilogue>;
  using OfTile = Sums<Form::kTileColumns>;

  L layout;
  int warpgroup;
  Place<L::kStages> stage = {};
  // The stage whose products are not known to be over.
  int held = -1;

  /** Begins a step's products; those before are over when it returns. */
  template <bool kAdd>
  __device__ __forceinline__ void step(OfTile& sums, std::bool_constant<kAdd>) {
    awaitBarrier(layout.full(stage.at), stage.parity);
    const uint64_t a = describe<Form::kA>(layout.a(stage.at) + warpgroup * kBoxBytes);
    const uint64_t b = describe<Form::kB>(layout.b(stage.at));
    beginProducts();
    multiply<Form::kA, Form::kB, kAdd>(sums, a, b);
#pragma unroll
    for (int k = 1; k < kDeep / 16; ++k) {
      multiply<Form::kA, Form::kB, true>(sums, a + k * kDepthAdvance<Form::kA>,
                                         b + k * kDepthAdvance<Form::kB>);
    }
    commitProducts();
    awaitProducts<1>();
    release();
    held = stage.at;
    stage.advance();
  }

  /** All products of a tile, with `piece(0)` to `piece(kPieces - 1)` done while they run: the first one when
   * all earlier products are over. */
  template <int kPieces, class Piece>
  __device__ __forceinline__ void multiplyWhile(OfTile& sums, int steps, Piece piece) {
    finish();
    step(sums, std::false_type());
    int i = 1;
#pragma unroll
    for (int p = 0; p < kPieces; ++p) {
      piece(p);
      const int end = p + 1 < kPieces ? 1 + ((steps - 1) * (p + 1) + kPieces - 2) / (kPieces - 1) : steps;
      for (; i < end; ++i) step(sums, std::true_type());
    }
  }

  __device__ __forceinline__ void multiplyAll(OfTile& sums, int steps) {
    step(sums, std::false_type());
    for (int i = 1; i < steps; ++i) step(sums, std::true_type());
  }

  __device__ __forceinline__ void finish() {
    awaitProducts<0>();
    release();
    held = -1;
  }

 private:
  /** Each warp says that it has done with a stage, in every block of the cluster, as all of them write into
   * it. */
  __device__ __forceinline__ void release() const {
    if (held < 0) return;
    const int lane = threadIdx.x % 32;
    if (Form::kCluster == 1) {
      if (lane == 0) arrive(layout.empty(held));
    } else if (lane < Form::kCluster) {
      arriveRemote(layout.empty(held), lane);
    }
  }
};

/** What a thread keeps of a tile between two products, 16 fragments of which the last `kFar` lie in shared
 * memory. */
template <int kFar>
struct Kept {
  static constexpr int kNear = 16 - kFar, kBytes = kFar * 128 * kConsumers * 16;
  float near[kNear][4];
  float4* far;

  __device__ __forceinline__ explicit Kept(char* memory)
      : far(reinterpret_cast<float4*>(memory) + (threadIdx.x - 128)) {}
  __device__ __forceinline__ void put(int j, const float (&v)[4]) {
    if (j < kNear) {
#pragma unroll
      for (int i = 0; i < 4; ++i) near[j < kNear ? j : 0][i] = v[i];
    } else {
      far[(j - kNear) * 128 * kConsumers] = make_float4(v[0], v[1], v[2], v[3]);
    }
  }
  __device__ __forceinline__ void get(int j, float (&v)[4]) const {
    if (j < kNear) {
#pragma unroll
      for (int i = 0; i < 4; ++i) v[i] = near[j < kNear ? j : 0][i];
    } else {
      const float4 all = far[(j - kNear) * 128 * kConsumers];
      v[0] = all.x, v[1] = all.y, v[2] = all.z, v[3] = all.w;
    }
  }
};

}  // namespace vlltr::cuda::hopper
