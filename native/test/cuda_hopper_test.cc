// Hopper's products as far as the host can tell: clusters share steps out so that each is done once, and wait
// for clusters of lower numbers alone.
#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "check.h"
#include "cuda/hopper_work.h"

using vlltr::cuda::hopper::Order;
using vlltr::cuda::hopper::Span;
using vlltr::cuda::hopper::Work;

namespace {

void whole(int tiles, int clusters) {
  std::vector<int> done(static_cast<size_t>(tiles));
  for (int c = 0; c < clusters; ++c) {
    Work work(tiles, 7, false, c, clusters);
    for (Span span; work.next(&span);) {
      ++done[static_cast<size_t>(span.tile)];
      CHECK(span.begin == 0 && span.end == 7 && span.later == 0);
    }
  }
  for (const int times : done) CHECK(times == 1);
}

void spread(int tiles, int steps, int clusters) {
  std::vector<int> done(static_cast<size_t>(tiles * steps));
  // Of each tile: where spans that others wait for begin, in the order of clusters.
  std::vector<std::vector<Span>> spans(static_cast<size_t>(tiles));
  int least = tiles * steps, most = 0;
  for (int c = 0; c < clusters; ++c) {
    Work work(tiles, steps, true, c, clusters);
    int own = 0;
    for (Span span; work.next(&span);) {
      CHECK(span.begin < span.end && span.end <= steps);
      for (int s = span.begin; s < span.end; ++s) ++done[static_cast<size_t>(span.tile * steps + s)];
      spans[static_cast<size_t>(span.tile)].push_back(span);
      own += span.end - span.begin;
    }
    least = std::min(least, own), most = std::max(most, own);
  }
  for (const int times : done) CHECK(times == 1);
  CHECK(most - least <= 1);
  for (const std::vector<Span>& one : spans) {
    CHECK(one.front().end == steps && one.back().begin == 0);
    for (size_t i = 0; i < one.size(); ++i) {
      CHECK(one[i].later == static_cast<int>(i));
      CHECK(i == 0 || one[i].end == one[i - 1].begin);
    }
  }
}

void order(int high, int wide, bool rightFirst) {
  const Order order = {high, wide, rightFirst};
  std::set<std::pair<int, int>> seen;
  for (int i = 0; i < order.count(); ++i) {
    int row = -1, column = -1;
    order.at(i, &row, &column);
    CHECK(row >= 0 && row < high && column >= 0 && column < wide);
    seen.insert({row, column});
  }
  CHECK(static_cast<int>(seen.size()) == high * wide);
}

}  // namespace

int main() {
  for (const int clusters : {1, 2, 5, 66}) {
    for (const int tiles : {1, 2, 11, 66, 67, 200}) {
      whole(tiles, clusters);
      for (const int steps : {1, 3, 64, 257}) {
        if (tiles * steps >= clusters) spread(tiles, steps, clusters);
      }
    }
  }
  for (const int high : {1, 15, 16, 17, 40}) {
    for (const int wide : {1, 2, 7}) order(high, wide, false), order(high, wide, true);
  }
  return 0;
}
