#include "anchor_tables.h"

#include <map>
#include <mutex>
#include <string>
#include <utility>

namespace vlltr {
namespace {

struct Registry {
  std::mutex mutex;
  std::map<int32_t, std::shared_ptr<const AnchorTable>> tables;
  int32_t last = 0;
};

/** Never destroyed: at exit TensorFlow's threads may still be at work. */
Registry& registry() {
  static auto* made = new Registry;
  return *made;
}

}  // namespace

int32_t addAnchorTable(std::shared_ptr<const AnchorTable> table) {
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  all.tables.emplace(++all.last, std::move(table));
  return all.last;
}

Status findAnchorTable(int32_t number, std::shared_ptr<const AnchorTable>* table) {
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  const auto found = all.tables.find(number);
  if (found == all.tables.end()) {
    return invalidArgument("there is no anchor table " + std::to_string(number) + ": it was disposed");
  }
  *table = found->second;
  return Status();
}

bool removeAnchorTable(int32_t number) {
  Registry& all = registry();
  std::shared_ptr<const AnchorTable> removed;  // freed outside of the lock
  const std::lock_guard lock(all.mutex);
  const auto found = all.tables.find(number);
  if (found == all.tables.end()) return false;
  removed = std::move(found->second);
  all.tables.erase(found);
  return true;
}

}  // namespace vlltr
