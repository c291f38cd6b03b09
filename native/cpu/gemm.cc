// Built once an instruction set (see simd.h).
#include "cpu/gemm.h"

#include "cpu/gemm_pack.h"
#include "cpu/gemm_tile.h"

namespace vlltr {
namespace {

/** A tile at the lower or right edge of C, of which only a part exists. */
template <class Step>
void multiplyEdge(int64_t steps, const char* a, const char* b, const Soon& soon, int64_t rows,
                  int64_t columns, float* c, int64_t cStride, bool accumulate) {
  alignas(64) float tile[kTileRows * kTileColumns];
  multiplyTile<Step>(steps, a, b, soon, tile, kTileColumns, false);
  for (int64_t r = 0; r < rows; ++r, c += cStride) {
    for (int64_t i = 0; i < columns; ++i) {
      c[i] = accumulate ? c[i] + tile[r * kTileColumns + i] : tile[r * kTileColumns + i];
    }
  }
}

template <class Step>
void multiply(int64_t rows, int64_t columns, int64_t depth, const void* a, const void* b, float* c,
              int64_t cStride, bool accumulate) {
  const int64_t steps = (depth + Step::kDepth - 1) / Step::kDepth, panelBytes = steps * Step::kColumnBytes;
  // Each tile of a panel of B fetches its share of the next panel.
  const int64_t tiles = (rows + kTileRows - 1) / kTileRows;
  const int64_t share = tiles == 0 ? 0 : (panelBytes / kLine + tiles - 1) / tiles;
  const char* columnPanel = static_cast<const char*>(b);
  for (int64_t j = 0; j < columns; j += kTileColumns, columnPanel += panelBytes) {
    const char* rowPanel = static_cast<const char*>(a);
    Soon soon{columnPanel + panelBytes, j + kTileColumns < columns ? share : 0};
    for (int64_t i = 0; i < rows; i += kTileRows, rowPanel += steps * Step::kRowBytes) {
      float* tile = c + i * cStride + j;
      if (i + kTileRows <= rows && j + kTileColumns <= columns) {
        multiplyTile<Step>(steps, rowPanel, columnPanel, soon, tile, cStride, accumulate);
      } else {
        multiplyEdge<Step>(steps, rowPanel, columnPanel, soon, smaller(kTileRows, rows - i),
                           smaller(kTileColumns, columns - j), tile, cStride, accumulate);
      }
      soon.first += share * kLine;
    }
  }
}

// Pairs where the processor multiplies pairs; else floats, since every factor of A is widened in each
// product.
#if defined(__AVX512BF16__)
using RowWords = PairWords;
#else
using RowWords = RoundedWords;
#endif

constexpr int64_t kRows = kTileRows;

template <class Step>
constexpr GemmPrecision precision(decltype(GemmPrecision::packA) packA,
                                  decltype(GemmPrecision::packB) packB) {
  return {{kRows, Step::kDepth, Step::kRowBytes},
          {kTileColumns, Step::kDepth, Step::kColumnBytes},
          packA,
          packB,
          multiply<Step>};
}

constexpr int64_t kBlock = VLLTR_VECTOR_BYTES == 64 ? 224 : 240;
static_assert(kBlock % kTileRows == 0 && kBlock % kTileColumns == 0 && kBlock % 2 == 0);

}  // namespace

extern constexpr GemmKernels VLLTR_FOR_ISA(kGemm) = {
    Isa::VLLTR_FOR_ISA(k),
    kBlock,
    {precision<FloatStep>(pack<FloatWords, kRows, 1>, pack<FloatWords, kTileColumns, 1>),
     precision<Bfloat16Step>(pack<RowWords, kRows, 2>, pack<PairWords, kTileColumns, 2>)}};

}  // namespace vlltr
