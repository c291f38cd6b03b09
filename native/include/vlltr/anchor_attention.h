#pragma once

#include <cstdint>
#include <memory>

#include "vlltr/device.h"
#include "vlltr/precision.h"
#include "vlltr/status.h"

namespace vlltr {

/** Anchors as they come: those of class c are rows 0 to counts[c] - 1 of its M, the rest is never read. */
struct AnchorTableSource {
  int64_t classes = 0;              // C >= 1
  int64_t perClass = 0;             // M >= 1
  int64_t width = 0;                // D >= 1
  const float* anchors = nullptr;   // [C, M, D], finite where valid, not normalised
  const int32_t* counts = nullptr;  // [C], each in [0, M]
  /** kBfloat16: the mean of each class in float32 and what is left of its anchors in bfloat16, for half the
   * memory. The products then round their other factor to bfloat16 too, except with the means. */
  Precision precision = Precision::kFloat32;
};

/**
 * Frozen anchors made ready for the attention: the valid rows one after the other, the standard deviation of
 * each and the Gram matrix of each class, both computed in float64 from the anchors as stored and kept in
 * float32. Does not change once made and may be used by many threads. Takes D values of the precision an
 * anchor and, in float32, the square of its anchors a class.
 */
class AnchorTable {
 public:
  /** kInvalidArgument: a bad shape or count; kResourceExhausted: no memory for it. */
  static Status make(const AnchorTableSource& source, std::shared_ptr<const AnchorTable>* table);
  /**
   * From arrays in the host's memory, a table in that of a device, which has to outlive it and alone can use
   * it; waits until it is there. Takes 4 bytes (2 with kBfloat16) for each of D values an anchor, D rounded
   * up to 64. At most 1,024 anchors a class.
   */
  static Status make(Device& device, const AnchorTableSource& source,
                     std::shared_ptr<const AnchorTable>* table);
  ~AnchorTable();
  AnchorTable(const AnchorTable&) = delete;
  AnchorTable& operator=(const AnchorTable&) = delete;

  int64_t classes() const;
  int64_t perClass() const;
  int64_t width() const;
  /** Memory that it holds. */
  int64_t bytes() const;

  struct Data;
  const Data& data() const { return *data_; }

 private:
  explicit AnchorTable(std::unique_ptr<Data> data);
  std::unique_ptr<Data> data_;
};

/** Arrays of one attention, float32 and dense at any alignment of 4 bytes. Outputs must not overlap each
 * other or an input. */
struct AnchorAttentionInputs {
  const AnchorTable* table = nullptr;
  int64_t batch = 0;                  // B >= 0
  const float* x = nullptr;           // [B, D], image features, not normalised
  const float* wq = nullptr;          // [D, D], [in, out]: the queries' projection
  const float* wk = nullptr;          // [D, D], [in, out]: the keys'
  const float* gammaQ = nullptr;      // [D], scale of the queries' layer norm
  const float* betaQ = nullptr;       // [D], its shift
  const float* gammaK = nullptr;      // [D], scale of the keys' layer norm; its shift changes nothing
  const float* logitScale = nullptr;  // [1], ln(1/tau); not clamped
  /** Stops the gradient through ||G_c||. */
  bool detachNorm = false;
};

/**
 * Language logits of the recognition head (Tian et al., ECCV 2022, section 3.3):
 *   q = LN(x) Wq, k_cm = LN(T_cm) Wk, a_cm = softmax_m(q k_cm / sqrt(D)), G_c = sum_m a_cm T_cm,
 *   z_c = exp(logitScale) <x, G_c> / (max(||x||, 1e-12) max(||G_c||, 1e-12)).
 * Layer norms have epsilon 1e-5. z is -infinity for a class without anchors. Neither k nor G is ever formed:
 * with u = gammaK o (Wk q) less its mean, the logits of the softmax are u T_cm / (sigma_cm sqrt(D)), and
 * ||G_c||^2 = a^T K_c a with the Gram matrix K_c. The same bits for any number of threads.
 */
struct AnchorAttentionForward : AnchorAttentionInputs {
  float* logits = nullptr;  // [B, C]
  /** Where not null: u T and <x^, T> of all anchors, `anchorAttentionKept` elements, for the gradient. */
  float* kept = nullptr;
};

/** Its gradient. That of betaK is 0. */
struct AnchorAttentionBackward : AnchorAttentionInputs {
  const float* dlogits = nullptr;  // [B, C]; not read for a class without anchors
  float* dx = nullptr;             // [B, D]
  float* dwq = nullptr;            // [D, D]
  float* dwk = nullptr;            // [D, D]
  float* dgammaQ = nullptr;        // [D]
  float* dbetaQ = nullptr;         // [D]
  float* dgammaK = nullptr;        // [D]
  float* dlogitScale = nullptr;    // [1]
  const float* kept = nullptr;     // as the forward pass left it, or null: then it is computed once more
};

/** The parts of a prediction: image b's logit of class c is the sum over m of its contributions. */
struct AnchorAttentionWeights : AnchorAttentionInputs {
  float* logits = nullptr;   // [B, C]
  float* weights = nullptr;  // [B, C, M], a; 0 for padding
  float* contributions =
      nullptr;  // [B, C, M], exp(logitScale) a_cm <x, T_cm> / (||x|| ||G_c||); 0 for padding
};

/** Elements of `kept`: two for each anchor of the table and each image, their number rounded up to 16. */
int64_t anchorAttentionKept(const AnchorTable& table, int64_t batch);

/** kInvalidArgument: a bad shape or an overlap; kResourceExhausted: no memory for the workspace (a few MiB a
 * thread, and B D partial sums a part of the classes, 32 MiB or one part's at most in all). */
Status anchorAttention(const AnchorAttentionForward& call);
Status anchorAttention(const AnchorAttentionBackward& call);
Status anchorAttention(const AnchorAttentionWeights& call);

}  // namespace vlltr
