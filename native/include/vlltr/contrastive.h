#pragma once

#include <cstdint>

#include "vlltr/precision.h"
#include "vlltr/status.h"

namespace vlltr {

/** Features whose similarity is S = exp(logitScale) image text^T [R, N]. Taken as unit rows, not checked. */
struct ContrastiveFeatures {
  int64_t width = 0;                  // D >= 1; 0 says that there is no teacher
  const float* image = nullptr;       // [R, D]
  const float* text = nullptr;        // [N, D]
  const float* logitScale = nullptr;  // [1], ln(1/tau); not clamped
};

/**
 * Of each row of S, or of each column over the rows at hand, with P the teacher's softmax along that line:
 * three vectors one behind the other, [3, n], the last two 0 without a teacher. Statistics of columns over
 * other rows (another device's) are of the same kind; `mergeContrastive` puts them together.
 */
struct ContrastiveStatistics {
  float* lse = nullptr;          // [n], log sum exp S
  float* teacherLse = nullptr;   // [n], log sum exp of the teacher's S
  float* teacherMean = nullptr;  // [n], sum P S
};

/** What all calls read; float32 and dense at any alignment of 4 bytes. Outputs overlap nothing. */
struct ContrastiveInputs {
  int64_t rows = 0;                       // R >= 1: the images at hand
  int64_t columns = 0;                    // N >= 1: the texts of the whole batch
  ContrastiveFeatures student, teacher;   // of widths of their own
  const int32_t* rowLabels = nullptr;     // [R], the class of each image
  const int32_t* columnLabels = nullptr;  // [N], the class of each text; an image's own class is among them
  float smoothing = 0;                    // epsilon in [0, 1]
  float distillWeight = 0;                // beta in [0, 1]; 0 without a teacher
  /** Of the features in the products; S, its exponentials and the targets are float32 in both. */
  Precision precision = Precision::kFloat32;
};

/**
 * Class-wise contrastive loss with distillation (Tian et al., ECCV 2022, section 3.2). With the targets
 *   t_ij = (1 - epsilon) [y_i = y_j] / n(y_i) + epsilon / N,  n(y): columns of class y,
 *   contrastive  = (mean_i lse_i + mean_j lse_j) / 2 - sum_ij t_ij S_ij / N,
 *   distillation = (mean_i (lse_i - teacherMean_i) + mean_j (lse_j - teacherMean_j)) / 2,
 *   loss         = (1 - beta) contrastive + beta distillation.
 * No [R, N] matrix is formed but in `kept`. R = N is one device's whole batch; R < N are one rank's rows,
 * whose statistics of columns are to be merged with the other ranks' before losses and gradient are computed.
 */
struct ContrastiveForward : ContrastiveInputs {
  ContrastiveStatistics rowStatistics;     // of R, complete
  ContrastiveStatistics columnStatistics;  // of N, over these R rows
  float* targetSum = nullptr;              // [1], sum_ij t_ij S_ij over these rows
  /** S and the teacher's S for the backward pass, [R, N] each, or null: then it computes them once more. */
  float* kept = nullptr;
};

struct ContrastiveBackward : ContrastiveInputs {
  ContrastiveStatistics rowStatistics;     // of R; read only
  ContrastiveStatistics columnStatistics;  // of N, merged over all rows; read only
  const float* kept = nullptr;             // as the forward pass left it, or null
  const float* dloss = nullptr;            // [1], upstream gradient of the loss
  float* dimage = nullptr;                 // [R, D]
  float* dtext = nullptr;                  // [N, D], over these rows: ranks add theirs up
  float* dlogitScale = nullptr;            // [1], over these rows: ranks add theirs up
};

/** Losses from complete statistics. */
struct ContrastiveLosses {
  int64_t columns = 0;                     // N
  ContrastiveStatistics rowStatistics;     // of N: all ranks' rows; read only
  ContrastiveStatistics columnStatistics;  // of N, merged; read only
  const float* targetSum = nullptr;        // [1], all ranks' added up
  float distillWeight = 0;
  bool teacher = false;
  float* losses = nullptr;  // [3]: loss, contrastive, distillation
};

/** Elements of `kept`: R N for the student and as many for a teacher. */
int64_t contrastiveKept(const ContrastiveInputs& call);

/** kInvalidArgument: a bad shape, label, weight or an overlap; kResourceExhausted: no memory for the
 * workspace (O((R + N) D) without `kept`). The same bits for any number of threads. */
Status contrastive(const ContrastiveForward& call);
Status contrastive(const ContrastiveBackward& call);
Status contrastive(const ContrastiveLosses& call);

/** into = the statistics of both sets of rows together, for n columns; without a teacher its last two vectors
 * mean nothing. */
Status mergeContrastive(int64_t n, const ContrastiveStatistics& other, const ContrastiveStatistics& into);

}  // namespace vlltr
