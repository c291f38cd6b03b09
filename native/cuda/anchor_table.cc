// Makes a device's table of anchors: its layout, and the anchors' way there in pieces.
#include "cuda/anchor_table.h"

#include <algorithm>
#include <exception>
#include <limits>
#include <mutex>
#include <string>
#include <utility>

#include "cuda/anchor_attention.h"
#include "cuda/anchor_gram.h"
#include "cuda/arena.h"
#include "cuda/device.h"
#include "cuda/path.h"
#include "ops/anchor_table.h"

namespace vlltr {
namespace cuda {
namespace {

// Anchors on their way, in float32.
constexpr int64_t kPieceBytes = int64_t{64} << 20;
// Rows are whole steps of the products' depth.
constexpr int64_t kStride = 64;

/** `gramFloats` 0: in parts. */
void layOut(Arena& arena, int64_t rows, int64_t classes, int64_t gramFloats, bool split,
            AnchorTableMemory& table) {
  // The low parts of what is in two lie one array after the high ones.
  uint16_t* const anchors = arena.take<uint16_t>(rows * table.stride * (split ? 1 : 2));
  table.high = anchors;
  table.low = split || anchors == nullptr ? nullptr : anchors + rows * table.stride;
  if (split) {
    table.meanHigh = arena.take<uint16_t>(2 * classes * table.stride);
    table.meanLow = table.meanHigh == nullptr ? nullptr : table.meanHigh + classes * table.stride;
  }
  table.keyScale = arena.take<float>(rows);
  if (gramFloats == 0) {
    table.gramParts = arena.take<uint16_t>(classes * kGramHalves);
  } else {
    table.gram = arena.take<float>(gramFloats);
    table.gramAt = arena.take<int64_t>(classes + 1);
  }
  table.firstRow = arena.take<int32_t>(classes + 1);
  table.classOf = arena.take<int32_t>(rows);
}

Status make(Device& device, const AnchorTableSource& source, AnchorTable::Data& data,
            AnchorTableMemory& table) {
  constexpr int64_t kMostIndex = std::numeric_limits<int32_t>::max();
  if (source.classes > kMostIndex || source.width > kMostIndex / kStride) {
    return invalidArgument("anchorTable: C = " + std::to_string(source.classes) + " and D = " +
                           std::to_string(source.width) + " are more than a device's table takes");
  }
  data.classes = source.classes, data.perClass = source.perClass, data.width = source.width;
  data.precision = source.precision;
  std::vector<int64_t> gramAt{0};
  std::vector<int32_t> firstRow{0}, classOf;
  data.firstRow.push_back(0);
  for (int64_t c = 0; c < source.classes; ++c) {
    const int64_t count = source.counts[c];
    data.firstRow.push_back(data.firstRow.back() + count);
    // Matrices begin where vectors may.
    gramAt.push_back(gramAt.back() + (count * count + 3) / 4 * 4);
    table.mostClassRows = std::max(table.mostClassRows, count);
    if (data.rows() > kMostIndex) break;
    firstRow.push_back(static_cast<int32_t>(data.rows()));
    classOf.insert(classOf.end(), static_cast<size_t>(count), static_cast<int32_t>(c));
  }
  if (data.rows() > kMostIndex || table.mostClassRows > kMostAnchors) {
    return invalidArgument("anchorTable: " + std::to_string(data.rows()) + " anchors or more, " +
                           std::to_string(table.mostClassRows) +
                           " in one class, expected at most 2^31 - 1, " + std::to_string(kMostAnchors) +
                           " in one class, on a device");
  }
  data.mostClassRows = table.mostClassRows;

  table.device = &device;
  table.stride = roundUp(source.width, kStride);
  const int64_t rows = data.rows(), classes = source.classes;
  Arena count;
  const bool inParts = table.mostClassRows <= kClassAnchors && path() != Path::kGeneral;
  const int64_t gramFloats = inParts ? 0 : gramAt.back();
  layOut(count, rows, classes, gramFloats, data.split(), table);
  VLLTR_RETURN_IF_ERROR(table.memory.reserve(device, count.bytes()));
  Arena arena(table.memory.as<char>());
  layOut(arena, rows, classes, gramFloats, data.split(), table);
  data.bytes = arena.bytes();
  if (table.gramParts != nullptr) {
    VLLTR_RETURN_IF_ERROR(device.fill(table.gramParts, 0, classes * kGramHalves * 2));
  } else {
    VLLTR_RETURN_IF_ERROR(device.upload(table.gramAt, gramAt.data(), (classes + 1) * 8));
  }
  VLLTR_RETURN_IF_ERROR(device.upload(table.firstRow, firstRow.data(), (classes + 1) * 4));
  VLLTR_RETURN_IF_ERROR(device.upload(table.classOf, classOf.data(), rows * 4));

  const int64_t classFloats = source.perClass * source.width;
  const int64_t piece = std::clamp<int64_t>(kPieceBytes / 4 / classFloats, 1, classes);
  DeviceMemory anchors;
  VLLTR_RETURN_IF_ERROR(anchors.reserve(device, piece * classFloats * 4));
  for (int64_t first = 0; first < classes; first += piece) {
    const int64_t end = std::min(classes, first + piece);
    VLLTR_RETURN_IF_ERROR(device.upload(anchors.as<float>(), source.anchors + first * classFloats,
                                        (end - first) * classFloats * 4));
    VLLTR_RETURN_IF_ERROR(
        fillAnchorTable(table, first, end, source.perClass, source.width, anchors.as<float>()));
  }
  return device.synchronize();
}

}  // namespace
}  // namespace cuda

Status AnchorTable::make(Device& device, const AnchorTableSource& source,
                         std::shared_ptr<const AnchorTable>* table) {
  VLLTR_RETURN_IF_ERROR(checkAnchorTableSource(source));
  try {
    auto data = std::make_unique<Data>();
    auto memory = std::make_shared<cuda::AnchorTableMemory>();
    const std::lock_guard lock(device.data().enqueue);
    const cuda::Current current(device);
    VLLTR_RETURN_IF_ERROR(cuda::make(device, source, *data, *memory));
    data->device = std::move(memory);
    table->reset(new AnchorTable(std::move(data)));
  } catch (const std::exception&) {
    return Status(Code::kResourceExhausted, "anchorTable: no memory for its index");
  }
  return Status();
}

}  // namespace vlltr
