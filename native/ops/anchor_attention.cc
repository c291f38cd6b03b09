#include "vlltr/anchor_attention.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>

#include "ops/anchor_attention_checks.h"
#include "ops/anchor_pass.h"
#include "ops/arguments.h"
#include "ops/scratch_slots.h"
#include "vlltr/thread_pool.h"

namespace vlltr {
namespace {

// Bounds the partial sums of the backward pass.
constexpr int64_t kPartialBytes = int64_t{32} << 20;
constexpr int64_t kMostGroups = 64;

constexpr const char* kOp = "anchorAttention";

Status checkInputs(const AnchorAttentionInputs& call) {
  if (call.table == nullptr) return invalidArgument("anchorAttention: the table is null");
  if (call.table->data().device != nullptr) {
    return invalidArgument("anchorAttention: the table is on a device, expected one in the host's memory");
  }
  VLLTR_RETURN_IF_ERROR(checkMatrix(kOp, call.batch, call.table->width()));
  return checkMatrix(kOp, call.batch, call.table->classes() * call.table->perClass());
}

/** What every direction begins with. */
struct Attention {
  const AnchorTable::Data& table;
  ThreadPool* pool = nullptr;
  AnchorQuery query;
  QueryTiles tiles;
  float scale = 0;  // exp(logitScale)

  explicit Attention(const AnchorTable::Data& data) : table(data) {}

  Status make(const AnchorAttentionInputs& call) {
    VLLTR_RETURN_IF_ERROR(ThreadPool::shared(&pool));
    VLLTR_RETURN_IF_ERROR(makeQuery(call, &query));
    VLLTR_RETURN_IF_ERROR(makeQueryTiles(table, call.batch, query, &tiles));
    scale = static_cast<float>(std::exp(static_cast<double>(*call.logitScale)));
    return Status();
  }

  int64_t tileCount() const { return static_cast<int64_t>(tiles.tiles.size()); }

  /**
   * Calls `work(pass, group, blocks [first, end), tile)` for each of `groups` runs of blocks and each tile of
   * images, on any thread.
   */
  template <class Work>
  Status forParts(int64_t groups, bool gradient, Work&& work) const {
    const auto blocks = static_cast<int64_t>(table.blocks.size());
    const AnchorPass layout(table, tiles, gradient);
    const int64_t parts = groups * tileCount(), count = std::min<int64_t>(parts, pool->threads());
    Workspace scratch;
    ScratchSlots slots;
    if (!slots.make(count) || !scratch.reserve(count * layout.bytes())) {
      return Status(Code::kResourceExhausted, "anchorAttention: no memory for a block of anchors");
    }
    pool->run(parts, [&](int64_t part) {
      const int64_t group = part / tileCount();
      const ScratchSlots::Held slot(slots);
      AnchorPass pass = layout;
      pass.place(scratch.at(slot.number() * layout.bytes()));
      work(pass, group, group * blocks / groups, (group + 1) * blocks / groups,
           tiles.tiles[static_cast<size_t>(part % tileCount())]);
    });
    return Status();
  }

  int64_t groups() const { return std::min<int64_t>(kMostGroups, static_cast<int64_t>(table.blocks.size())); }
};

/** Calls `use(c, attended)` for the classes of a block that was scored that have anchors, and `none(c)` for
 * the others. */
template <class Use, class None>
void forClasses(const AnchorTable::Data& table, AnchorPass& pass, const AnchorBlock& block,
                const QueryTile& tile, Use&& use, None&& none) {
  for (int64_t c = block.firstClass; c < block.firstClass + block.classes; ++c) {
    if (table.count(c) == 0) {
      none(c);
    } else {
      use(c, pass.attend(block, tile, c));
    }
  }
}

/** Puts the logits of a class for a tile of images into [B, C]. */
void putLogits(const Attention& with, const QueryTile& tile, int64_t c, const AnchorTile& attended,
               float* logits) {
  for (int64_t b = 0; b < tile.count; ++b) {
    logits[(tile.first + b) * with.table.classes + c] =
        with.scale * (attended.along[b] * attended.inverseNorm[b]);
  }
}

void putNone(const Attention& with, const QueryTile& tile, int64_t c, float* logits) {
  for (int64_t b = 0; b < tile.count; ++b) {
    logits[(tile.first + b) * with.table.classes + c] = -std::numeric_limits<float>::infinity();
  }
}

/** Sums the groups' partial sums [tile][group][width, D] of each image in the groups' order, into rows [B,
 * D]. */
void reduce(const Attention& with, int64_t groups, const float* partial, int64_t tileFloats, float* du,
            float* dunit) {
  const int64_t d = with.table.width;
  for (int64_t t = 0; t < with.tileCount(); ++t) {
    const QueryTile& tile = with.tiles.tiles[static_cast<size_t>(t)];
    with.pool->run(tile.count, [&](int64_t b) {
      for (int which = 0; which < 2; ++which) {
        float* to = (which == 0 ? du : dunit) + (tile.first + b) * d;
        std::memset(to, 0, static_cast<size_t>(d) * sizeof(float));
        for (int64_t g = 0; g < groups; ++g) {
          const float* from = partial + (t * groups + g) * tileFloats + (which * tile.width + b) * d;
          for (int64_t i = 0; i < d; ++i) to[i] += from[i];
        }
      }
    });
  }
}

}  // namespace

int64_t anchorAttentionKept(const AnchorTable& table, int64_t batch) {
  return 2 * table.data().rows() * wholeVectors(batch);
}

Status anchorAttention(const AnchorAttentionForward& call) {
  VLLTR_RETURN_IF_ERROR(checkInputs(call));
  const AnchorTable::Data& table = call.table->data();
  VLLTR_RETURN_IF_ERROR(checkAnchorAttentionArrays(call));
  if (call.batch == 0) return Status();
  Attention with(table);
  VLLTR_RETURN_IF_ERROR(with.make(call));
  return with.forParts(
      with.groups(), false,
      [&](AnchorPass& pass, int64_t, int64_t first, int64_t end, const QueryTile& tile) {
        for (int64_t i = first; i < end; ++i) {
          const AnchorBlock& block = table.blocks[static_cast<size_t>(i)];
          if (block.rows > 0) pass.score(block, tile, call.kept);
          forClasses(
              table, pass, block, tile,
              [&](int64_t c, const AnchorTile& a) { putLogits(with, tile, c, a, call.logits); },
              [&](int64_t c) { putNone(with, tile, c, call.logits); });
        }
      });
}

Status anchorAttention(const AnchorAttentionWeights& call) {
  VLLTR_RETURN_IF_ERROR(checkInputs(call));
  const AnchorTable::Data& table = call.table->data();
  const int64_t m = table.perClass;
  VLLTR_RETURN_IF_ERROR(checkAnchorAttentionArrays(call));
  if (call.batch == 0) return Status();
  Attention with(table);
  VLLTR_RETURN_IF_ERROR(with.make(call));
  const auto clear = [&](int64_t b, int64_t c, int64_t from) {
    const int64_t at = (b * table.classes + c) * m;
    std::fill(call.weights + at + from, call.weights + at + m, 0.f);
    std::fill(call.contributions + at + from, call.contributions + at + m, 0.f);
  };
  return with.forParts(with.groups(), false,
                       [&](AnchorPass& pass, int64_t, int64_t first, int64_t end, const QueryTile& tile) {
                         const auto explain = [&](int64_t c, const AnchorTile& a) {
                           putLogits(with, tile, c, a, call.logits);
                           for (int64_t b = 0; b < tile.count; ++b) {
                             const int64_t at = ((tile.first + b) * table.classes + c) * m;
                             for (int64_t i = 0; i < a.anchors; ++i) {
                               const float weight = a.weights[i * a.columns + b],
                                           h = a.scores[(2 * i + 1) * a.columns + b];
                               call.weights[at + i] = weight;
                               call.contributions[at + i] = with.scale * (weight * h * a.inverseNorm[b]);
                             }
                             clear(tile.first + b, c, a.anchors);
                           }
                         };
                         const auto none = [&](int64_t c) {
                           putNone(with, tile, c, call.logits);
                           for (int64_t b = 0; b < tile.count; ++b) clear(tile.first + b, c, 0);
                         };
                         for (int64_t i = first; i < end; ++i) {
                           const AnchorBlock& block = table.blocks[static_cast<size_t>(i)];
                           if (block.rows > 0) pass.score(block, tile, nullptr);
                           forClasses(table, pass, block, tile, explain, none);
                         }
                       });
}

Status anchorAttention(const AnchorAttentionBackward& call) {
  VLLTR_RETURN_IF_ERROR(checkInputs(call));
  const AnchorTable::Data& table = call.table->data();
  const int64_t d = table.width, rows = call.batch * d;
  VLLTR_RETURN_IF_ERROR(checkAnchorAttentionArrays(call));
  Attention with(table);
  VLLTR_RETURN_IF_ERROR(with.make(call));

  const int64_t tileFloats = 2 * with.tiles.width * d, matrix = Workspace::aligned(rows * 4);
  const int64_t perGroup = std::max<int64_t>(1, with.tileCount() * tileFloats * 4);
  const int64_t groups = std::clamp<int64_t>(kPartialBytes / perGroup, 1, with.groups());
  const int64_t partialBytes = Workspace::aligned(groups * with.tileCount() * tileFloats * 4);
  // The sums of z dz, one for each part.
  const int64_t sumBytes = Workspace::aligned(groups * with.tileCount() * 8);
  Workspace memory;
  if (!memory.reserve(2 * matrix + partialBytes + sumBytes)) {
    return Status(Code::kResourceExhausted, "anchorAttention gradient: no memory for partial sums");
  }
  auto* const du = reinterpret_cast<float*>(memory.at(0));
  auto* const dunit = reinterpret_cast<float*>(memory.at(matrix));
  auto* const partial = reinterpret_cast<float*>(memory.at(2 * matrix));
  auto* const sums = reinterpret_cast<double*>(memory.at(2 * matrix + partialBytes));

  VLLTR_RETURN_IF_ERROR(with.forParts(
      groups, true, [&](AnchorPass& pass, int64_t group, int64_t first, int64_t end, const QueryTile& tile) {
        const int64_t part = (&tile - with.tiles.tiles.data()) * groups + group;
        float* const mine = partial + part * tileFloats;
        bool begun = false;
        double total = 0;
        const auto differentiate = [&](int64_t c, const AnchorTile& a) {
          float* const scale = pass.scale();
          for (int64_t b = 0; b < tile.width; ++b) {
            const float dz = b < tile.count ? call.dlogits[(tile.first + b) * table.classes + c] : 0;
            scale[b] = with.scale * dz;
            if (b < tile.count) total += static_cast<double>(scale[b]) * (a.along[b] * a.inverseNorm[b]);
          }
          pass.differentiate(a, scale, call.detachNorm);
        };
        for (int64_t i = first; i < end; ++i) {
          const AnchorBlock& block = table.blocks[static_cast<size_t>(i)];
          if (block.rows == 0) continue;
          if (call.kept == nullptr) {
            pass.score(block, tile, nullptr);
          } else {
            pass.recall(block, tile, call.kept);
          }
          forClasses(table, pass, block, tile, differentiate, [](int64_t) {});
          pass.accumulate(block, tile, begun, mine);
          begun = true;
        }
        if (!begun) std::memset(mine, 0, static_cast<size_t>(tileFloats) * sizeof(float));
        sums[part] = total;
      }));
  double total = 0;
  for (int64_t part = 0; part < groups * with.tileCount(); ++part) total += sums[part];
  *call.dlogitScale = static_cast<float>(total);
  reduce(with, groups, partial, tileFloats, du, dunit);
  return queryGradient(call, with.query, du, dunit);
}

}  // namespace vlltr
