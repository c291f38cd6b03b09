// JPEGs by libjpeg-turbo. CMake tries to make a shared object of this file and libjpeg.a alone.
#include "ops/jpeg.h"

#include <algorithm>
#include <csetjmp>
#include <cstring>

// clang-format off
#include <cstdio>  // which jpeglib.h needs
#include <jpeglib.h>
// clang-format on

namespace vlltr {
namespace {

/** What sharp takes at most, in pixels; a progressive file is held whole. */
constexpr int64_t kMostPixels = 0x3fff * 0x3fff;

/**
 * Leaves the decoder for any error or warning. Not made from jpeg_std_error: that prints to stderr, a
 * variable of the C library, which keeps a libjpeg.a that is not position-independent out of a shared object.
 */
struct Errors {
  jpeg_error_mgr base;
  std::jmp_buf out;
};

[[noreturn]] void leave(j_common_ptr file) { std::longjmp(reinterpret_cast<Errors*>(file->err)->out, 1); }
void heed(j_common_ptr file, int level) {
  if (level < 0) leave(file);
}
void ignore(j_common_ptr) {}
void noText(j_common_ptr, char* text) { *text = 0; }

/** Without the marker of its end a file was cut off, which does not show where only its upper part is read.
 */
bool hasEnd(const JpegDecode& call) {
  const uint8_t mark[2] = {0xff, 0xd9};
  const uint8_t* end = call.data + call.size;
  return std::search(end - std::min<int64_t>(call.size, 64), end, mark, mark + 2) != end;
}

/** Whether another decoder is to be asked: sharp knows no arithmetic coding, and inks are not ours. */
bool foreign(const jpeg_decompress_struct& file, const JpegDecode& call) {
  const J_COLOR_SPACE space = file.jpeg_color_space;
  const int64_t width = file.image_width, height = file.image_height;
  return file.arith_code || (space != JCS_GRAYSCALE && space != JCS_YCbCr && space != JCS_RGB) ||
         width * height > kMostPixels || call.left + call.width > width / call.shrink ||
         call.top + call.height > height / call.shrink;
}

/** Reads the part; leaves by `Errors::out` where it cannot. */
void readPart(jpeg_decompress_struct& file, const JpegDecode& call) {
  file.scale_num = 1;
  file.scale_denom = static_cast<unsigned>(call.shrink);
  file.out_color_space = JCS_RGB;
  jpeg_start_decompress(&file);
  // Chroma at the edges of what is decoded is interpolated without the neighbours beyond, so a block more
  // each way.
  const int64_t block = std::max<int64_t>(1, file.max_h_samp_factor * 8 / call.shrink);
  auto from = static_cast<JDIMENSION>(std::max<int64_t>(0, call.left - block));
  auto width =
      static_cast<JDIMENSION>(std::min<int64_t>(file.output_width, call.left + call.width + block) - from);
  if (width < file.output_width) jpeg_crop_scanline(&file, &from, &width);
  JSAMPARRAY row = file.mem->alloc_sarray(reinterpret_cast<j_common_ptr>(&file), JPOOL_IMAGE, width * 3, 1);
  if (call.top > 0) jpeg_skip_scanlines(&file, static_cast<JDIMENSION>(call.top));
  for (int64_t y = 0; y < call.height; ++y) {
    jpeg_read_scanlines(&file, row, 1);
    std::memcpy(call.rgb + y * call.width * 3, row[0] + (call.left - from) * 3,
                static_cast<size_t>(call.width * 3));
  }
}

}  // namespace

#define VLLTR_TEXT_OF(name) VLLTR_TEXT(name)
#define VLLTR_TEXT(value) #value
const char* jpegLibrary() { return "libjpeg-turbo " VLLTR_TEXT_OF(LIBJPEG_TURBO_VERSION); }

bool readJpeg(const JpegDecode& call) {
  if (!hasEnd(call)) return false;
  Errors errors = {};
  errors.base.error_exit = leave;
  errors.base.emit_message = heed;
  errors.base.output_message = ignore;
  errors.base.format_message = noText;
  errors.base.reset_error_mgr = ignore;
  jpeg_decompress_struct file = {};
  file.err = &errors.base;
  // No object with a destructor may live between here and the calls that leave.
  if (setjmp(errors.out)) {
    jpeg_destroy_decompress(&file);
    return false;
  }
  jpeg_create_decompress(&file);
  jpeg_mem_src(&file, call.data, static_cast<unsigned long>(call.size));
  jpeg_read_header(&file, TRUE);
  const bool ours = !foreign(file, call);
  if (ours) readPart(file, call);
  jpeg_destroy_decompress(&file);
  return ours;
}

}  // namespace vlltr
