#pragma once

namespace vlltr::cuda {

/** Classes of at most so many anchors are attended to in a warp's registers. */
constexpr int kClassAnchors = 64;

/** A Gram matrix of such a class, as the sum of two bfloat16 an element and padded with 0, in the order in
 * which a warp's lanes take it as a product's right factor: 16 bytes a lane for each 16 x 8 of it. */
constexpr int kGramHalves = 2 * kClassAnchors * kClassAnchors;
constexpr int kGramLow = 4;  // elements from the high part to the low one

/** Where the high part of an element is. */
constexpr int gramHalf(int depth, int column) {
  const int lane = column % 8 * 4 + depth % 8 / 2, piece = column / 8 * (kClassAnchors / 16) + depth / 16;
  return (piece * 32 + lane) * 8 + depth % 16 / 8 * 2 + depth % 2;
}

}  // namespace vlltr::cuda
