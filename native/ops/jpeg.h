#pragma once

#include "vlltr/pictures.h"

namespace vlltr {

/** `decodeJpeg` without the checks of its arguments. @returns whether `call.rgb` was filled */
bool readJpeg(const JpegDecode& call);

}  // namespace vlltr
