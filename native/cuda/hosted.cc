#include "vlltr/hosted.h"

#include <exception>
#include <string>

#include "cuda/adamw.h"
#include "cuda/staging.h"
#include "ops/adamw_call.h"

namespace vlltr::hosted {
namespace {

/** What `call` gives, or that there is no memory for its lists. */
template <class Call>
Status guarded(const char* op, Call call) {
  try {
    return call();
  } catch (const std::exception&) {
    return Status(Code::kResourceExhausted, std::string(op) + ": no memory for the list of its arrays");
  }
}

}  // namespace

Status adamw(Device& device, const Adamw& given) {
  return guarded("adamw", [&] {
    VLLTR_RETURN_IF_ERROR(checkAdamwCall(given));
    Adamw call = given;
    cuda::Staging staging(device);
    for (AdamwParameter& p : call.parameters) staging.in(&p.grad, p.length);
    for (const float** input : {&call.params, &call.m, &call.v}) staging.in(input, call.size);
    for (float** output : {&call.newParams, &call.newM, &call.newV}) staging.out(output, call.size);
    staging.out(&call.gradNorm, 1);
    VLLTR_RETURN_IF_ERROR(staging.begin());
    VLLTR_RETURN_IF_ERROR(cuda::adamw(device, call));
    return staging.end();
  });
}

}  // namespace vlltr::hosted
