#include "cuda/contrastive_gradient.cuh"
#include "cuda/launch.cuh"

namespace vlltr::cuda {
namespace {

template <class Shape, bool kTeacher, bool kKept>
__global__ void __launch_bounds__(Shape::kThreads, kKept ? 1 : 2)
    difference(const __grid_constant__ DifferenceCall call) {
  VLLTR_DYNAMIC_SHARED(char, shared, __align__(128));
  const Similarities& similarities = call.similarities;
  const DifferenceBlock& block = call.block;
  const TileAt at = tileOfBlock(blockIdx.x, block.rowTiles, block.columnTiles);
  const int row = at.row * Shape::kM, column = at.column * Shape::kN;
  const TileDifference<BlockGroup<Shape>> tile(block, at.row, at.column);
  Stash<Shape> stash(shared + Shape::kSharedBytes);
  typename Shape::Sums sums;
  const auto get = [&](int i, int j) { return fragmentOf<Shape>(sums, i, j); };
  const auto stashed = [&](int i, int j) { return kTeacher ? stash.get(i, j) : Four{}; };
  const auto put = [&](int i, int j, const Four& v) { stash.put(i, j, v); };
  const auto read = [&](float* kept) {
    readKept<Shape>(sums, kept, similarities.keptColumns, row, column, block.rows, block.columns);
  };
  if constexpr (kKept) {
    if constexpr (kTeacher) {
      read(similarities.teacherKept);
      tile.subtrahend(get, put);
    }
    read(similarities.kept);
  } else {
    TileLoop<Shape> loop(shared, kTeacher ? similarities.teacher : similarities.student, row, column);
    if constexpr (kTeacher) loop.follow(&similarities.student);
    loop.start();
    if constexpr (kTeacher) {
      loop.multiply(depthTiles(similarities.teacher), sums);
      scaleSums<Shape>(sums, similarities.scalars->teacherScale);
      tile.subtrahend(get, put);
    }
    loop.multiply(depthTiles(similarities.student), sums);
    scaleSums<Shape>(sums, similarities.scalars->scale);
  }
  tile.write(get, stashed, reinterpret_cast<float*>(shared));
}

/** What is read back has no product that wants large warps' tiles: more threads hold a tile. */
using KeptShape = TileShape<128, 128, 4, 2, 2>;

template <class Shape, bool kTeacher, bool kKept>
cudaError_t form(cudaStream_t stream, const DifferenceCall& call) {
  constexpr int kBytes = kSimilarityBytes<Shape, kTeacher>;
  const cudaError_t error = allowShared(difference<Shape, kTeacher, kKept>, kBytes);
  if (error != cudaSuccess) return error;
  const int blocks = call.block.rowTiles * call.block.columnTiles;
  return launch(stream, difference<Shape, kTeacher, kKept>, blocks, Shape::kThreads, kBytes, call);
}

/** Blocks take the images' tiles first, then the texts'. */
template <class ImageShape, class TextShape>
__global__ void __launch_bounds__(ImageShape::kThreads, 2)
    gradients(const __grid_constant__ FeatureGradients call, int imageBlocks) {
  VLLTR_DYNAMIC_SHARED(char, shared, __align__(128));
  const bool image = blockIdx.x < static_cast<unsigned>(imageBlocks);
  const Product& product = image ? call.image : call.text;
  float* to = image ? call.dimage : call.dtext;
  const bool add = image ? call.addImage : call.addText;
  const int rows = product.a.lines, width = product.b.lines;
  const TileAt at =
      tileOfBlock(image ? blockIdx.x : blockIdx.x - imageBlocks, (rows + ImageShape::kM - 1) / ImageShape::kM,
                  (width + ImageShape::kN - 1) / ImageShape::kN);
  const int firstRow = at.row * ImageShape::kM, firstColumn = at.column * ImageShape::kN;
  const auto use = [&](float left, float right, int row, int column) {
    if (row >= rows) return;
    float* at = to + static_cast<int64_t>(row) * width + column;
    const float factor = *call.factor;
    if (column < width) at[0] = factor * left + (add ? at[0] : 0.f);
    if (column + 1 < width) at[1] = factor * right + (add ? at[1] : 0.f);
  };
  if (image) {
    gemmTile<ImageShape>(shared, product, firstRow, firstColumn, use);
  } else {
    gemmTile<TextShape>(shared, product, firstRow, firstColumn, use);
  }
}

}  // namespace

cudaError_t formDifference(cudaStream_t stream, const DifferenceCall& call, bool teacher, bool wideShared) {
  if (call.similarities.kept != nullptr) {
    return teacher ? form<KeptShape, true, true>(stream, call) : form<KeptShape, false, true>(stream, call);
  }
  if (!teacher) return form<SimilarityShape<3>, false, false>(stream, call);
  return wideShared ? form<SimilarityShape<3>, true, false>(stream, call)
                    : form<SimilarityShape<2>, true, false>(stream, call);
}

cudaError_t addFeatureGradients(cudaStream_t stream, const FeatureGradients& call) {
  using ImageShape = GemmShape<false, true>;
  using TextShape = GemmShape<true, true>;
  const cudaError_t error = allowShared(gradients<ImageShape, TextShape>, ImageShape::kSharedBytes);
  if (error != cudaSuccess) return error;
  const int images = gemmBlocks<ImageShape>(call.image.a.lines, call.image.b.lines);
  const int texts = gemmBlocks<TextShape>(call.text.a.lines, call.text.b.lines);
  return launch(stream, gradients<ImageShape, TextShape>, images + texts, ImageShape::kThreads,
                ImageShape::kSharedBytes, call, images);
}

}  // namespace vlltr::cuda
