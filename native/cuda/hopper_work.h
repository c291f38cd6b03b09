// What the clusters of a Hopper product do, and in which order: plain arithmetic, which a test on the host
// goes through.
#pragma once

#include "cuda/portable.h"

namespace vlltr::cuda::hopper {

/** Clusters' tiles: in bands, down then right, so that blocks at work share operands; or, of few columns,
 * right then down. */
struct Order {
  static constexpr int kBand = 16;
  int high = 0, wide = 0;
  bool rightFirst = false;

  VLLTR_HD int count() const { return high * wide; }
  VLLTR_HD void at(int index, int* row, int* column) const {
    if (rightFirst) {
      *row = index / wide, *column = index % wide;
      return;
    }
    const int band = index / (kBand * wide), top = band * kBand;
    const int height = high - top < kBand ? high - top : kBand;
    const int within = index - top * wide;
    *row = top + within % height;
    *column = within / height;
  }
};

/** Steps of a tile that a cluster does together. */
struct Span {
  int tile;
  int begin, end;
  int later;  // other spans have the tile's later steps
};

/**
 * The spans of a cluster: whole tiles, `clusters` apart; or, `spread`, an even share, of one at least, of all
 * steps of all tiles. Then a cluster begins with a tile's end and ends with another's beginning. A tile's end
 * is done by the cluster of lower number, which does not wait for the others, so that these may wait for it.
 */
class Work {
 public:
  VLLTR_HD Work(int tiles, int steps, bool spread, int cluster, int clusters)
      : tiles_(tiles), steps_(steps), clusters_(clusters), at_(cluster) {
    if (!spread) return;
    share_ = tiles * steps / clusters, larger_ = tiles * steps % clusters;
    at_ = clusters - 1 - cluster;
    from_ = boundary(at_), to_ = boundary(at_ + 1);
  }
  VLLTR_HD bool next(Span* span) {
    if (share_ == 0) {
      if (at_ >= tiles_) return false;
      *span = {at_, 0, steps_, 0};
      at_ += clusters_;
      return true;
    }
    if (from_ >= to_) return false;
    const int tile = from_ / steps_, first = tile * steps_, end = first + steps_;
    const int stop = to_ < end ? to_ : end;
    *span = {tile, from_ - first, stop - first, stop == end ? 0 : clusterOf(end - 1) - at_};
    from_ = stop;
    return true;
  }

 private:
  /** The first `larger_` clusters have a step more than the others' `share_`. */
  VLLTR_HD int boundary(int cluster) const {
    return cluster * share_ + (cluster < larger_ ? cluster : larger_);
  }
  VLLTR_HD int clusterOf(int step) const {
    const int ofLarger = larger_ * (share_ + 1);
    return step < ofLarger ? step / (share_ + 1) : larger_ + (step - ofLarger) / share_;
  }

  int tiles_, steps_, clusters_, at_;
  int share_ = 0, larger_ = 0, from_ = 0, to_ = 0;
};

}  // namespace vlltr::cuda::hopper
