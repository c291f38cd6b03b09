#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "cuda/anchor_table.h"
#include "cuda/arena.h"
#include "vlltr/status.h"

namespace vlltr::cuda {

/** A run of whole classes whose scores are held at once. */
struct AnchorChunk {
  int64_t firstClass, classes;
  int64_t firstRow, rows;  // of the anchors
};

/** Columns are anchors of a chunk: rows of 2 B numbers, those of u first, then those of x^. */
struct AnchorScores {
  int64_t stride = 0;       // columns, a multiple of 32
  int64_t classStride = 0;  // the same of classes
  float* scores = nullptr;  // [2 B, stride]: l, then h; null where they never leave registers
  float* means = nullptr;   // [2 B, classes], those of the classes' means; a split table only
  // With a gradient alone, as high and low parts: what flows back into the scores, dl / (sigma sqrt(D)) and
  // dh, and its sums over the anchors of each class.
  uint16_t* gradient = nullptr;  // [2][2 B, stride], the low parts with float32 only
  uint16_t* sums = nullptr;      // [2][2 B, classStride], a split table only
  int64_t gradientLow = 0, sumsLow = 0;

  AnchorScores() = default;
  /** `held`: the scores of all anchors are. */
  AnchorScores(Arena& arena, int64_t batch, int64_t mostRows, int64_t mostClasses, bool split, bool held,
               bool gradient);
};

/** What the attention of each class to each image needs and gives. */
struct AttendCall {
  const AnchorTableMemory* table;
  AnchorChunk chunk;
  AnchorScores scores;
  int64_t batch, classes, perClass;
  const float* scale;  // [1]: exp(logitScale)

  float* logits = nullptr;         // [B, C]; null with a gradient
  float* weights = nullptr;        // [B, C, M]; null without
  float* contributions = nullptr;  // [B, C, M]

  const float* dlogits = nullptr;  // [B, C]; null without a gradient
  bool detachNorm = false;
  // Parts of the gradient of logitScale: [C, attendTiles(B, ...)], or as many as hopperScaleTerms.
  double* scaleTerms = nullptr;
};

/** Tiles of images that a class is attended to in. */
int64_t attendTiles(int64_t batch, const AnchorTableMemory& table);

Status attend(cudaStream_t stream, const AttendCall& call);

/** The gradient of logitScale from its parts. */
Status sumScaleTerms(cudaStream_t stream, const double* terms, int64_t count, float* sum);

}  // namespace vlltr::cuda
