// What the headers promise of JPEGs, in a build without libjpeg-turbo: each is left to another decoder.
#include "ops/jpeg.h"

namespace vlltr {

const char* jpegLibrary() { return ""; }
bool readJpeg(const JpegDecode&) { return false; }

}  // namespace vlltr
