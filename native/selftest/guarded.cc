#include "selftest/guarded.h"

#include <cstring>
#include <string>

namespace vlltr {
namespace {

constexpr int64_t kFloat = sizeof(float);

bool poisoned(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits == ~uint32_t{0};
}

}  // namespace

Status Guarded::make(Target& target, int64_t count, int64_t offset) {
  target_ = &target, count_ = count, offset_ = offset;
  VLLTR_RETURN_IF_ERROR(memory_.reserve(target, total() * kFloat));
  return poison();
}

Status Guarded::make(Target& target, std::span<const float> values, int64_t offset) {
  const auto count = static_cast<int64_t>(values.size());
  VLLTR_RETURN_IF_ERROR(make(target, count, offset));
  return count == 0 ? Status() : target.upload(data(), values.data(), count * kFloat);
}

Status Guarded::poison() { return target_->fill(memory_.as<float>(), 0xFF, total() * kFloat); }

Status Guarded::get(std::vector<float>* values) const {
  std::vector<float> all(static_cast<size_t>(total()));
  VLLTR_RETURN_IF_ERROR(target_->download(all.data(), memory_.as<float>(), total() * kFloat));
  const auto first = all.begin() + kGuard + offset_;
  values->assign(first, first + count_);
  for (auto at = all.begin(); at != all.end(); ++at) {
    if ((at < first || at >= first + count_) && !poisoned(*at)) {
      return Status(Code::kInternal, "element " + std::to_string(at - first) + " of an array of " +
                                         std::to_string(count_) + " was written to");
    }
  }
  return Status();
}

}  // namespace vlltr
