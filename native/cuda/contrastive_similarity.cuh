#pragma once

#include <cstdint>

#include "cuda/contrastive_group.cuh"
#include "cuda/gemm.cuh"

/** A block's tile of S and of the teacher's S: computed, or read back where they were kept. */
namespace vlltr::cuda {

/** What the kernels need of numbers that lie on the device. */
struct ContrastiveScalars {
  float scale, teacherScale;  // exp(logitScale)
  float gradient;             // dloss / 2N
  float featureGradient;      // scale dloss / 2N
};

struct Similarities {
  Product student, teacher;  // of the block's rows and columns
  const ContrastiveScalars* scalars = nullptr;
  // S's element at the block's first row and column in a whole [rows, keptColumns], or null; and the
  // teacher's.
  float *kept = nullptr, *teacherKept = nullptr;
  int64_t keptColumns = 0;
};

/** Four warps of 64x64. The teacher's tile waits in shared memory while the student's is summed. */
template <int kStages>
using SimilarityShape = TileShape<128, 128, 2, 2, kStages>;

/** A tile's values, each where only the thread that left it looks. */
template <class Shape>
class Stash {
 public:
  static constexpr int kBytes = Shape::kM * Shape::kN * 4;

  __device__ __forceinline__ explicit Stash(char* shared)
      : mine_(reinterpret_cast<float4*>(shared) + threadIdx.x) {}
  __device__ __forceinline__ void put(int i, int j, const Four& v) {
    mine_[(i * Shape::kFragmentsN + j) * Shape::kThreads] = make_float4(v.v[0], v.v[1], v.v[2], v.v[3]);
  }
  __device__ __forceinline__ Four get(int i, int j) const {
    const float4 v = mine_[(i * Shape::kFragmentsN + j) * Shape::kThreads];
    return {v.x, v.y, v.z, v.w};
  }

 private:
  float4* mine_;
};

template <class Shape, bool kTeacher>
constexpr int kSimilarityBytes = Shape::kSharedBytes + (kTeacher ? Stash<Shape>::kBytes : 0);

template <class Shape>
__device__ __forceinline__ Four fragmentOf(const typename Shape::Sums& sums, int i, int j) {
  return {sums[i][j][0], sums[i][j][1], sums[i][j][2], sums[i][j][3]};
}

template <class Shape>
__device__ __forceinline__ void scaleSums(typename Shape::Sums& sums, float scale) {
#pragma unroll
  for (int i = 0; i < Shape::kFragmentsM; ++i) {
#pragma unroll
    for (int j = 0; j < Shape::kFragmentsN; ++j) {
#pragma unroll
      for (int e = 0; e < 4; ++e) sums[i][j][e] *= scale;
    }
  }
}

/** Calls `use(value, address)` for each of this thread's values that is inside [rows, columns]. */
template <class Shape, class Use>
__device__ __forceinline__ void eachKept(typename Shape::Sums& sums, float* kept, int64_t ld, int firstRow,
                                         int firstColumn, int rows, int columns, Use use) {
  using Group = BlockGroup<Shape>;
#pragma unroll
  for (int i = 0; i < Shape::kFragmentsM; ++i) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int row = firstRow + Group::row(i, half);
      if (row >= rows) continue;
      float* line = kept + row * ld;
#pragma unroll
      for (int j = 0; j < Shape::kFragmentsN; ++j) {
        const int column = firstColumn + Group::column(j, 0);
        if (column < columns) use(sums[i][j][half * 2], line + column);
        if (column + 1 < columns) use(sums[i][j][half * 2 + 1], line + column + 1);
      }
    }
  }
}

template <class Shape>
__device__ __forceinline__ void writeKept(typename Shape::Sums& sums, float* kept, int64_t ld, int firstRow,
                                          int firstColumn, int rows, int columns) {
  eachKept<Shape>(sums, kept, ld, firstRow, firstColumn, rows, columns,
                  [](float value, float* at) { __stcs(at, value); });
}

template <class Shape>
__device__ __forceinline__ void readKept(typename Shape::Sums& sums, float* kept, int64_t ld, int firstRow,
                                         int firstColumn, int rows, int columns) {
#pragma unroll
  for (int i = 0; i < Shape::kFragmentsM; ++i) {
#pragma unroll
    for (int j = 0; j < Shape::kFragmentsN; ++j) {
#pragma unroll
      for (int e = 0; e < 4; ++e) sums[i][j][e] = 0;
    }
  }
  eachKept<Shape>(sums, kept, ld, firstRow, firstColumn, rows, columns,
                  [](float& value, const float* at) { value = __ldcs(at); });
}

}  // namespace vlltr::cuda
