#pragma once

namespace vlltr {

/**
 * What the factors of a matrix product are held in. Sums are float32 in both; with kBfloat16 the factors are
 * rounded to bfloat16 first (to nearest, ties to even), and processors without bfloat16 products multiply
 * the same rounded numbers in float32.
 */
enum class Precision { kFloat32, kBfloat16 };

}  // namespace vlltr
