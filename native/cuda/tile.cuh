#pragma once

#include <cstdint>

#include "cuda/layout.h"
#include "cuda/mma.cuh"

/**
 * A block's tile of A B^T, by `mma.sync`: factors come to shared memory by background copies, several stages
 * ahead of the products; sums stay in registers, in fragments of 16x8 (`sumRow`, `sumColumn`).
 */
namespace vlltr::cuda {

/**
 * A factor in device memory as bfloat16, [lines, depth], or [depth, lines] where it is stored the other way
 * round. `data`, `ld` and `low` are multiples of 16 bytes. Stored by lines: `depth` is a multiple of kTileK,
 * what pads it being 0. Stored by depths: lines may be read up to the next multiple of 8, and depth is any
 * number. Lines (and depths) past the end are not read but taken as 0.
 */
struct Factor {
  const __nv_bfloat16* data = nullptr;
  int64_t ld = 0;   // elements from one line (or depth) to the next
  int64_t low = 0;  // elements from the high parts to the low parts of a split factor
  int lines = 0, depth = 0;
};

/** A product of two factors, in one term, or in three where both are split: low high + high low + high high.
 */
struct Product {
  Factor a, b;
  int terms = 1;
};

/** Tiles along the depth that make up a product. */
__host__ __device__ inline int depthTiles(const Product& product) {
  return (product.a.depth + kTileK - 1) / kTileK * product.terms;
}

template <int kM_, int kN_, int kWarpsM_, int kWarpsN_, int kStages_, bool kTransposedA_ = false,
          bool kTransposedB_ = false>
struct TileShape {
  static constexpr int kM = kM_, kN = kN_;  // multiples of 64
  static constexpr int kWarpsM = kWarpsM_, kWarpsN = kWarpsN_;
  static constexpr int kStages = kStages_;
  static constexpr bool kTransposedA = kTransposedA_, kTransposedB = kTransposedB_;
  static constexpr int kThreads = kWarpsM * kWarpsN * 32;
  static constexpr int kWarpM = kM / kWarpsM, kWarpN = kN / kWarpsN;
  static constexpr int kFragmentsM = kWarpM / 16, kFragmentsN = kWarpN / 8;
  static constexpr int kBytesA = kM * kTileK * 2, kBytesB = kN * kTileK * 2;
  static constexpr int kSharedBytes = kStages * (kBytesA + kBytesB);
  static_assert(kM % 64 == 0 && kN % 64 == 0 && kWarpM % 16 == 0 && kWarpN % 16 == 0 && kStages >= 2);
  using Sums = float[kFragmentsM][kFragmentsN][4];
};

/** One thread's part in bringing a factor's tiles to shared memory, one after the other. */
template <int kLines, int kThreads, bool kTransposed>
class FactorTiles {
 public:
  static constexpr int kRowPieces = kTransposed ? kLines / kPiece : kTileK / kPiece;
  static constexpr int kRowsAtOnce = kThreads / kRowPieces;
  static constexpr int kCopies = kLines * kTileK / kPiece / kThreads;
  static_assert(kCopies * kThreads * kPiece == kLines * kTileK && kThreads % kRowPieces == 0);
  // The permutation must not change from one of a thread's copies to the next.
  static_assert(kRowsAtOnce % 8 == 0);

  __device__ __forceinline__ void start(const Factor& factor, int firstLine, bool low) {
    const int row = threadIdx.x / kRowPieces, piece = threadIdx.x % kRowPieces;
    const __nv_bfloat16* data = factor.data + (low ? factor.low : 0);
    if constexpr (kTransposed) {
      data += row * factor.ld + firstLine + piece * kPiece;
      there_ = firstLine + piece * kPiece < factor.lines;
      left_ = factor.depth - row;
    } else {
      data += (firstLine + row) * factor.ld + piece * kPiece;
      left_ = factor.lines - firstLine - row;
    }
    from_ = reinterpret_cast<const char*>(data);
    rows_ = kRowsAtOnce * factor.ld * 2;
  }

  /** Starts copying the tile at hand to `shared`, and goes on to the next along the depth. */
  __device__ __forceinline__ void copy(uint32_t shared) {
    const uint32_t row = threadIdx.x / kRowPieces, piece = threadIdx.x % kRowPieces;
    shared += kTransposed ? pieceOfDepth(kLines, row, piece) : pieceOfRow(row, piece);
#pragma unroll
    for (int i = 0; i < kCopies; ++i) {
      const bool there = i * kRowsAtOnce < left_ && (!kTransposed || there_);
      copyAsync(shared + i * kRowsAtOnce * kRowPieces * 16, there ? from_ + i * rows_ : from_, there);
    }
    if constexpr (kTransposed) {
      from_ += kCopies * rows_;
      left_ -= kTileK;
    } else {
      from_ += kTileK * 2;
    }
  }

 private:
  const char* from_;
  int64_t rows_;  // bytes between a thread's rows
  int left_;      // rows from this thread's first to the end
  bool there_ = true;
};

/** A warp's fragments of one step of 16 along the depth. */
template <class Shape>
struct Fragments {
  uint32_t a[Shape::kFragmentsM][4];
  uint32_t b[Shape::kFragmentsN / 2][4];

  /** Of step `step` out of the stage at `shared`. */
  __device__ __forceinline__ void load(uint32_t shared, int step) {
    const uint32_t lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    const uint32_t lineA = warp / Shape::kWarpsN * Shape::kWarpM,
                   lineB = warp % Shape::kWarpsN * Shape::kWarpN;
#pragma unroll
    for (int i = 0; i < Shape::kFragmentsM; ++i) {
      if constexpr (Shape::kTransposedA) {
        const LanePiece at = laneOfTransposedA(lane);
        loadMatricesTransposed(
            a[i], shared + pieceOfDepth(Shape::kM, at.row + step * 16, lineA / kPiece + i * 2 + at.piece));
      } else {
        const LanePiece at = laneOfA(lane);
        loadMatrices(a[i], shared + pieceOfRow(lineA + at.row, at.piece + step * 2) + i * 16 * kTileK * 2);
      }
    }
    shared += Shape::kBytesA;
#pragma unroll
    for (int i = 0; i < Shape::kFragmentsN / 2; ++i) {
      if constexpr (Shape::kTransposedB) {
        const LanePiece at = laneOfTransposedB(lane);
        loadMatricesTransposed(
            b[i], shared + pieceOfDepth(Shape::kN, at.row + step * 16, lineB / kPiece + i * 2 + at.piece));
      } else {
        const LanePiece at = laneOfB(lane);
        loadMatrices(b[i], shared + pieceOfRow(lineB + at.row, at.piece + step * 2) + i * 16 * kTileK * 2);
      }
    }
  }

  __device__ __forceinline__ void multiply(typename Shape::Sums& sums) const {
#pragma unroll
    for (int i = 0; i < Shape::kFragmentsM; ++i) {
#pragma unroll
      for (int j = 0; j < Shape::kFragmentsN; ++j) {
        multiplyAdd(sums[i][j], a[i], b[j / 2][j % 2 * 2], b[j / 2][j % 2 * 2 + 1]);
      }
    }
  }
};

/**
 * The block's way through one product, or through two one after the other (`follow`), the second's tiles
 * being copied while the first's are multiplied. All threads of a block of Shape::kThreads call the same.
 */
template <class Shape>
class TileLoop {
 public:
  /** `shared`: Shape::kSharedBytes, aligned to 128; nothing else may be going on in it. */
  __device__ __forceinline__ TileLoop(char* shared, const Product& product, int firstA, int firstB)
      : shared_(sharedAddress(shared)) {
    begin(product, firstA, firstB);
  }

  /** A second product, of the same lines of the tile; null: there is none. Before `start`. */
  __device__ __forceinline__ void follow(const Product* product) { next_ = product; }

  __device__ __forceinline__ void start() {
#pragma unroll
    for (int i = 0; i < Shape::kStages - 1; ++i) {
      copy(i);
      commitCopies();
    }
    write_ = Shape::kStages - 1;
  }

  /** sums = the next `tiles` tiles' products, all those of the product at hand. */
  __device__ __forceinline__ void multiply(int tiles, typename Shape::Sums& sums) {
#pragma unroll
    for (int i = 0; i < Shape::kFragmentsM; ++i) {
#pragma unroll
      for (int j = 0; j < Shape::kFragmentsN; ++j) {
#pragma unroll
        for (int e = 0; e < 4; ++e) sums[i][j][e] = 0;
      }
    }
    if (tiles <= 0) return;
    Fragments<Shape> fragments[2];
    arrive();
    fragments[0].load(stage(read_), 0);
    for (int tile = 0; tile < tiles; ++tile) {
      // The stage that is written was read a tile ago: `arrive` came after the last load from it.
      copy(write_);
      commitCopies();
      write_ = write_ + 1 == Shape::kStages ? 0 : write_ + 1;
#pragma unroll
      for (int step = 0; step < kTileK / 16; ++step) {
        if (step + 1 < kTileK / 16) {
          fragments[(step + 1) % 2].load(stage(read_), step + 1);
        } else {
          read_ = read_ + 1 == Shape::kStages ? 0 : read_ + 1;
          if (tile + 1 < tiles) {
            arrive();
            fragments[0].load(stage(read_), 0);
          }
        }
        fragments[step % 2].multiply(sums);
      }
    }
  }

 private:
  static_assert(kTileK == 32, "the fragments of a tile's last step are the second of two");

  __device__ __forceinline__ void begin(const Product& product, int firstA, int firstB) {
    product_ = &product;
    firstA_ = firstA, firstB_ = firstB;
    term_ = 0;
    startTerm();
  }

  /** The small terms come first, so that the sums lose less of them. */
  __device__ __forceinline__ void startTerm() {
    const bool split = product_->terms == 3;
    a_.start(product_->a, firstA_, split && term_ == 0);
    b_.start(product_->b, firstB_, split && term_ == 1);
    left_ = (product_->a.depth + kTileK - 1) / kTileK;
  }

  __device__ __forceinline__ void copy(int to) {
    if (left_ == 0) {
      if (product_ == nullptr) return;
      if (++term_ < product_->terms) {
        startTerm();
      } else {
        product_ = next_;
        next_ = nullptr;
        term_ = 0;
        if (product_ == nullptr) return;
        startTerm();
      }
    }
    const uint32_t shared = stage(to);
    a_.copy(shared);
    b_.copy(shared + Shape::kBytesA);
    --left_;
  }

  /** The tile to read is there for all threads, and all have read the one before. */
  __device__ __forceinline__ void arrive() {
    waitCopies<Shape::kStages - 2>();
    __syncthreads();
  }

  __device__ __forceinline__ uint32_t stage(int number) const {
    return shared_ + number * (Shape::kBytesA + Shape::kBytesB);
  }

  uint32_t shared_;
  const Product* product_;
  const Product* next_ = nullptr;
  int firstA_, firstB_;
  int term_ = 0, left_ = 0;  // of the product that is copied
  int read_ = 0, write_ = 0;
  FactorTiles<Shape::kM, Shape::kThreads, Shape::kTransposedA> a_;
  FactorTiles<Shape::kN, Shape::kThreads, Shape::kTransposedB> b_;
};

/** Calls `use(sums of two adjacent columns, row, column)` for all that this thread has of the tile. */
template <class Shape, class Use>
__device__ __forceinline__ void forEachPair(const typename Shape::Sums& sums, Use use) {
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const int row = warp / Shape::kWarpsN * Shape::kWarpM + sumRow(lane, 0);
  const int column = warp % Shape::kWarpsN * Shape::kWarpN + sumColumn(lane, 0);
#pragma unroll
  for (int i = 0; i < Shape::kFragmentsM; ++i) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
#pragma unroll
      for (int j = 0; j < Shape::kFragmentsN; ++j) {
        use(sums[i][j][half * 2], sums[i][j][half * 2 + 1], row + i * 16 + half * 8, column + j * 8);
      }
    }
  }
}

}  // namespace vlltr::cuda
