#include "vlltr/pictures.h"

#include "node/arguments.h"
#include "node/methods.h"

namespace vlltr::node {

Napi::Value decodeJpeg(const Napi::CallbackInfo& info) {
  Arguments arguments("decodeJpeg", info);
  JpegDecode call;
  call.data = arguments.bytes(0, "data", &call.size);
  call.left = arguments.whole(1, "left");
  call.top = arguments.whole(2, "top");
  call.width = arguments.whole(3, "width");
  call.height = arguments.whole(4, "height");
  call.shrink = arguments.whole(5, "shrink");
  int64_t length = 0;
  call.rgb = arguments.bytes(6, "rgb", &length);
  Status status = arguments.status();
  if (status.ok() && length != Arguments::product(Arguments::product(call.width, call.height), 3)) {
    status = invalidArgument("decodeJpeg: rgb has " + std::to_string(length) +
                             " bytes, expected width x height x 3");
  }
  if (status.ok()) status = vlltr::decodeJpeg(&call);
  if (!status.ok()) throwStatus(info.Env(), status);
  return Napi::Boolean::New(info.Env(), call.decoded);
}

Napi::Value resamplePicture(const Napi::CallbackInfo& info) {
  Arguments arguments("resamplePicture", info);
  PictureResample call;
  int64_t length = 0, room = 0;
  call.pixels = arguments.bytes(0, "pixels", &length);
  call.stride = arguments.whole(1, "stride");
  call.left = arguments.whole(2, "left");
  call.top = arguments.whole(3, "top");
  call.width = arguments.whole(4, "width");
  call.height = arguments.whole(5, "height");
  call.toWidth = arguments.whole(6, "toWidth");
  call.toHeight = arguments.whole(7, "toHeight");
  call.mirrored = arguments.boolean(8, "mirrored");
  call.out = arguments.bytes(9, "out", &room);
  Status status = arguments.status();
  if (status.ok()) {
    call.rows = call.stride > 0 ? length / (3 * call.stride) : 0;
    if (call.rows * call.stride * 3 != length ||
        room != Arguments::product(Arguments::product(call.toWidth, call.toHeight), 3)) {
      status = invalidArgument("resamplePicture: pixels or out is not a whole number of rows of pixels");
    }
  }
  if (status.ok()) status = vlltr::resamplePicture(call);
  if (!status.ok()) throwStatus(info.Env(), status);
  return info.Env().Undefined();
}

}  // namespace vlltr::node
