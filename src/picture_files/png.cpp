#include <png.h>

#include <csetjmp>
#include <cstring>
#include <string>
#include <vector>

#include "core/error.h"
#include "picture_files/decode.h"
#include "picture_files/encode.h"
#include "picture_files/kinds.h"
#include "picture_files/orientation.h"

namespace quench::picture_files {
namespace {

constexpr png_alloc_size_t kMostOfAChunk = 8'000'000;  ///< bytes that one chunk may take when it is unpacked
constexpr png_uint_32 kMostChunks = 1000;
constexpr int kLevel = 3;

/// libpng's errors leave by longjmp, over its own frames alone: what has a destructor is made before setjmp.
struct Work {
  std::string_view bytes = {};  ///< still to be read
  std::string written = {};
  char message[200] = "";
  std::jmp_buf back;
};

Work* work_of(png_structp png) { return static_cast<Work*>(png_get_error_ptr(png)); }

[[noreturn]] void leave(png_structp png, png_const_charp message) {
  std::strncpy(work_of(png)->message, message, sizeof Work::message - 1);
  std::longjmp(work_of(png)->back, 1);
}

void take(png_structp png, png_bytep out, size_t count) {
  std::string_view& bytes = work_of(png)->bytes;
  if (count > bytes.size()) png_error(png, "it is cut short");
  std::memcpy(out, bytes.data(), count);
  bytes.remove_prefix(count);
}

void give(png_structp png, png_bytep bytes, size_t count) {
  work_of(png)->written.append(reinterpret_cast<const char*>(bytes), count);
}

struct Reading {
  Work work;
  png_structp png = nullptr;
  png_infop info = nullptr;
  Reading() {
    png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &work, leave, [](png_structp, png_const_charp) {});
    if (png) info = png_create_info_struct(png);
  }
  ~Reading() { png_destroy_read_struct(&png, &info, nullptr); }
};

struct Writing {
  Work work;
  png_structp png = nullptr;
  png_infop info = nullptr;
  Writing() {
    png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &work, leave, [](png_structp, png_const_charp) {});
    if (png) info = png_create_info_struct(png);
  }
  ~Writing() { png_destroy_write_struct(&png, &info); }
};

bool read_head(Reading& reading) {
  if (setjmp(reading.work.back)) return false;
  png_set_read_fn(reading.png, nullptr, take);
  png_set_user_limits(reading.png, kLargestSide, kLargestSide);
  png_set_chunk_malloc_max(reading.png, kMostOfAChunk);
  png_set_chunk_cache_max(reading.png, kMostChunks);
  png_read_info(reading.png, reading.info);
  png_set_expand_gray_1_2_4_to_8(reading.png);
  png_set_palette_to_rgb(reading.png);
  png_set_gray_to_rgb(reading.png);
  png_set_strip_16(reading.png);
  png_set_strip_alpha(reading.png);
  png_set_interlace_handling(reading.png);
  png_read_update_info(reading.png, reading.info);
  return true;
}

bool read_rows(Reading& reading, png_bytepp rows) {
  if (setjmp(reading.work.back)) return false;
  png_read_image(reading.png, rows);
  png_read_end(reading.png, reading.info);
  return true;
}

int orientation_of(Reading& reading) {
#ifdef PNG_eXIf_SUPPORTED
  png_uint_32 size = 0;
  png_bytep exif = nullptr;
  if (png_get_eXIf_1(reading.png, reading.info, &size, &exif)) {
    return exif_orientation({reinterpret_cast<const char*>(exif), size});
  }
#endif
  return 1;
}

bool write_rows(Writing& writing, png_bytepp rows, int64_t height, int64_t width) {
  if (setjmp(writing.work.back)) return false;
  png_set_write_fn(writing.png, nullptr, give, nullptr);
  png_set_user_limits(writing.png, kLargestSide, kLargestSide);
  png_set_compression_level(writing.png, kLevel);
  png_set_IHDR(writing.png, writing.info, static_cast<png_uint_32>(width), static_cast<png_uint_32>(height), 8,
               PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_write_info(writing.png, writing.info);
  png_write_image(writing.png, rows);
  png_write_end(writing.png, nullptr);
  return true;
}

std::vector<png_bytep> rows_of(uint8_t* pixels, int64_t height, int64_t width) {
  std::vector<png_bytep> rows(static_cast<size_t>(height));
  for (int64_t y = 0; y < height; ++y) rows[static_cast<size_t>(y)] = pixels + 3 * width * y;
  return rows;
}

}  // namespace

Tensor decode_png(std::string_view bytes, std::string_view where) {
  Reading reading;
  ensure(reading.png && reading.info, "[picture_files.png] libpng does not start");
  reading.work.bytes = bytes;
  const auto refuse = [&] {
    fail(ErrorKind::data, "[picture_files.png] damaged: {} ({})", reading.work.message, where);
  };
  if (!read_head(reading)) refuse();
  const auto height = static_cast<int64_t>(png_get_image_height(reading.png, reading.info));
  const auto width = static_cast<int64_t>(png_get_image_width(reading.png, reading.info));
  Tensor out = new_image(height, width, where);
  ensure(png_get_rowbytes(reading.png, reading.info) == static_cast<size_t>(3 * width),
         "[picture_files.png] expected rows of {} bytes", 3 * width);
  std::vector<png_bytep> rows = rows_of(out.mutable_values<uint8_t>().data(), height, width);
  if (!read_rows(reading, rows.data())) refuse();
  return oriented(out, orientation_of(reading));
}

std::string encode_png(const Tensor& pixels) {
  require_pixels(pixels);
  Writing writing;
  ensure(writing.png && writing.info, "[picture_files.png] libpng does not start");
  const int64_t height = pixels.shape()[0], width = pixels.shape()[1];
  std::vector<png_bytep> rows = rows_of(const_cast<uint8_t*>(pixels.values<uint8_t>().data()), height, width);
  if (!write_rows(writing, rows.data(), height, width)) {
    fail(ErrorKind::data, "[picture_files.png] cannot encode {} pixels: {}", to_string(pixels.shape()),
         writing.work.message);
  }
  return std::move(writing.work.written);
}

}  // namespace quench::picture_files
