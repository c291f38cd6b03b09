#include "bench/product.h"

#include <fstream>

namespace vlltr::bench {
namespace {

constexpr int64_t kFloat = sizeof(float);

Status readFloats(const std::string& path, std::vector<float>* into) {
  std::ifstream file(path, std::ios::binary);
  file.read(reinterpret_cast<char*>(into->data()), static_cast<int64_t>(into->size()) * kFloat);
  if (file) return Status();
  return invalidArgument(path + " is not " + std::to_string(into->size()) + " float32 values");
}

}  // namespace

Status Product::read(const Request& request, Precision precision) {
  const int64_t m = request.integer("rows"), n = request.integer("columns"), k = request.integer("depth");
  if (m < 1 || n < 1 || k < 1) return invalidArgument("prepare: rows, columns and depth are to be >= 1");
  a_.resize(m * k);
  b_.resize(n * k);
  c_.assign(m * n, 0);
  const std::string folder = request.text("folder");
  VLLTR_RETURN_IF_ERROR(readFloats(folder + "/a.f32", &a_));
  VLLTR_RETURN_IF_ERROR(readFloats(folder + "/b.f32", &b_));
  call_ = {m, n, k, {a_.data(), k, false}, {b_.data(), k, true}, c_.data(), n, precision};
  return Status();
}

Status Product::run() { return gemm(call_); }

Status Product::write(const std::string& path) const {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(c_.data()), static_cast<int64_t>(c_.size()) * kFloat);
  file.flush();
  return file ? Status() : unavailable("cannot write " + path);
}

}  // namespace vlltr::bench
