// What bench/ asks of native/ without Node:
//   vlltr_bench peak             the processor's peaks, one line of JSON
//   vlltr_bench gemm PRECISION   a participant (bench/support/participant.ts) for matrix products, fp32 or
//   bf16
#include <chrono>
#include <cstdio>
#include <iostream>

#include "bench/participant.h"
#include "bench/peak.h"
#include "bench/product.h"
#include "vlltr/isa.h"

using namespace vlltr;
using namespace vlltr::bench;

namespace {

void say(const std::string& json) { std::cout << json << std::endl; }

int fail(const Status& status) {
  say("{\"error\":\"" + status.message() + "\"}");
  return 1;
}

/** Calls the product `times` times; its seconds and memory as members of JSON. */
Status timed(Product& product, int64_t times, std::string* json) {
  const Memory memory;
  std::string seconds;
  for (int64_t i = 0; i < times; ++i) {
    const auto start = std::chrono::steady_clock::now();
    VLLTR_RETURN_IF_ERROR(product.run());
    const double took = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (i) seconds += ',';
    seconds += std::to_string(took);
  }
  const std::string resident = memory.json();
  *json = "\"seconds\":[" + seconds + "]" + (resident.empty() ? "" : "," + resident);
  return Status();
}

Status answer(const Request& request, Precision precision, Product& product, std::string* json) {
  if (request.text("do") == "run") {
    VLLTR_RETURN_IF_ERROR(timed(product, request.integer("times"), json));
    *json = "{" + *json + "}";
    return Status();
  }
  if (request.text("do") != "prepare") return invalidArgument(request.text("do") + " cannot be done here");
  VLLTR_RETURN_IF_ERROR(product.read(request, precision));
  VLLTR_RETURN_IF_ERROR(timed(product, 1, json));
  VLLTR_RETURN_IF_ERROR(product.write(request.text("output") + ".product"));
  const int64_t size = request.integer("rows") * request.integer("columns");
  *json = "{\"product\":{" + *json + ",\"parts\":[" + std::to_string(size) + "]}}";
  return Status();
}

}  // namespace

int main(int count, char** arguments) {
  const std::string job = count > 1 ? arguments[1] : "", precision = count > 2 ? arguments[2] : "fp32";
  if (job != "peak" && job != "gemm")
    return fail(invalidArgument("usage: vlltr_bench peak | gemm PRECISION"));
  Isa isa;
  ThreadPool* pool;
  if (const Status status = chosenIsa(&isa); !status.ok()) return fail(status);
  if (const Status status = ThreadPool::shared(&pool); !status.ok()) return fail(status);
  if (job == "peak") {
    const Peak peak = measurePeak(isa, *pool);
    std::printf("{\"isa\":\"%s\",\"threads\":%d,\"fp32\":%.4g,\"bf16\":%.4g,\"copy\":%.4g}\n", isaName(isa),
                pool->threads(), peak.float32, peak.bfloat16, peak.copy);
    return 0;
  }
  say("{\"what\":\"native, " + std::string(isaName(isa)) + ", " + std::to_string(pool->threads()) +
      " threads, " + precision + "\"}");
  Product product;
  const Precision in = precision == "bf16" ? Precision::kBfloat16 : Precision::kFloat32;
  for (std::string line; std::getline(std::cin, line);) {
    std::string json;
    const Status status = answer(Request(line), in, product, &json);
    if (status.ok()) {
      say(json);
    } else {
      fail(status);
    }
  }
  return 0;
}
