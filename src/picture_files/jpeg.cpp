#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <cstring>
// jpeglib.h wants the two above.
#include <jerror.h>
#include <jpeglib.h>

#include <algorithm>
#include <string>
#include <vector>

#include "core/error.h"
#include "picture_files/encode.h"
#include "picture_files/kinds.h"
#include "picture_files/orientation.h"

namespace quench::picture_files {
namespace {

constexpr int kMostScans = 500;  ///< a progressive file of more is made to take time

/// libjpeg's errors leave by longjmp, over its own frames alone: what has a destructor is made before setjmp.
struct Errors {
  jpeg_error_mgr base;
  jpeg_progress_mgr progress;
  std::jmp_buf back;
  char message[JMSG_LENGTH_MAX] = "";
  bool damaged = false;
};

Errors* errors_of(j_common_ptr info) { return reinterpret_cast<Errors*>(info->err); }

[[noreturn]] void leave(j_common_ptr info) {
  info->err->format_message(info, errors_of(info)->message);
  std::longjmp(errors_of(info)->back, 1);
}

/// What libjpeg goes on after. Bytes between markers are of no matter; data that are missing or wrong are.
void note(j_common_ptr info, int level) {
  if (level >= 0) return;
  const int code = info->err->msg_code;
  if (code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER || code == JWRN_HUFF_BAD_CODE ||
      code == JWRN_BOGUS_PROGRESSION) {
    errors_of(info)->damaged = true;
    info->err->format_message(info, errors_of(info)->message);
  }
}

void watch_scans(j_common_ptr info) {
  if (reinterpret_cast<j_decompress_ptr>(info)->input_scan_number <= kMostScans) return;
  std::snprintf(errors_of(info)->message, sizeof errors_of(info)->message, "more than %d scans", kMostScans);
  std::longjmp(errors_of(info)->back, 1);
}

void prepare(Errors& errors) {
  jpeg_std_error(&errors.base);
  errors.base.error_exit = leave;
  errors.base.emit_message = note;
  errors.base.output_message = [](j_common_ptr) {};
  errors.progress.progress_monitor = watch_scans;
}

/// What stands in APP1 behind "Exif\0\0".
int orientation_of(const jpeg_decompress_struct& info) {
  for (const jpeg_marker_struct* marker = info.marker_list; marker; marker = marker->next) {
    if (marker->marker != JPEG_APP0 + 1 || marker->data_length < 6 || std::memcmp(marker->data, "Exif\0\0", 6) != 0) {
      continue;
    }
    return exif_orientation({reinterpret_cast<const char*>(marker->data) + 6, marker->data_length - 6});
  }
  return 1;
}

/// As OpenCV: inverted CMYK, as Adobe's programs write it.
void to_rgb(const uint8_t* cmyk, int64_t count, uint8_t* rgb) {
  for (int64_t i = 0; i < count; ++i, cmyk += 4, rgb += 3) {
    const int k = cmyk[3];
    for (int c = 0; c < 3; ++c) rgb[c] = static_cast<uint8_t>(k - (((255 - cmyk[c]) * k) >> 8));
  }
}

/// Between start and finish of a decompression, whose memory it gives back.
struct Decompression {
  jpeg_decompress_struct info{};
  Errors errors{};
  Decompression() {
    prepare(errors);
    info.err = &errors.base;
  }
  ~Decompression() { jpeg_destroy_decompress(&info); }
};

/// Size and kind; false where libjpeg gave up.
bool read_head(Decompression& work, std::string_view bytes) {
  if (setjmp(work.errors.back)) return false;
  jpeg_create_decompress(&work.info);
  work.info.progress = &work.errors.progress;
  jpeg_mem_src(&work.info, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  jpeg_save_markers(&work.info, JPEG_APP0 + 1, 0xffff);
  jpeg_read_header(&work.info, TRUE);
  work.info.out_color_space = work.info.num_components == 4 ? JCS_CMYK : JCS_RGB;
  return true;
}

bool read_rows(Decompression& work, uint8_t* out, uint8_t* row, int64_t width) {
  if (setjmp(work.errors.back)) return false;
  jpeg_start_decompress(&work.info);
  while (work.info.output_scanline < work.info.output_height) {
    uint8_t* to = out + 3 * width * work.info.output_scanline;
    uint8_t* target = row ? row : to;
    jpeg_read_scanlines(&work.info, &target, 1);
    if (row) to_rgb(row, width, to);
  }
  jpeg_finish_decompress(&work.info);
  return true;
}

struct Compression {
  jpeg_compress_struct info{};
  Errors errors{};
  unsigned char* bytes = nullptr;
  unsigned long size = 0;  // libjpeg's own type
  Compression() {
    prepare(errors);
    info.err = &errors.base;
  }
  ~Compression() {
    jpeg_destroy_compress(&info);
    std::free(bytes);
  }
};

bool write_rows(Compression& work, const uint8_t* pixels, int64_t height, int64_t width, int quality) {
  if (setjmp(work.errors.back)) return false;
  jpeg_create_compress(&work.info);
  jpeg_mem_dest(&work.info, &work.bytes, &work.size);
  work.info.image_width = static_cast<JDIMENSION>(width);
  work.info.image_height = static_cast<JDIMENSION>(height);
  work.info.input_components = 3;
  work.info.in_color_space = JCS_RGB;
  jpeg_set_defaults(&work.info);
  jpeg_set_quality(&work.info, quality, TRUE);
  jpeg_start_compress(&work.info, TRUE);
  while (work.info.next_scanline < work.info.image_height) {
    auto* row = const_cast<uint8_t*>(pixels + 3 * width * work.info.next_scanline);
    jpeg_write_scanlines(&work.info, &row, 1);
  }
  jpeg_finish_compress(&work.info);
  return true;
}

}  // namespace

Tensor decode_jpeg(std::string_view bytes, std::string_view where, Tensor used) {
  Decompression work;
  const auto refuse = [&] {
    fail(ErrorKind::data, "[picture_files.jpeg] damaged: {} ({})", work.errors.message, where);
  };
  if (!read_head(work, bytes)) refuse();
  const auto width = static_cast<int64_t>(work.info.image_width);
  const int orientation = orientation_of(work.info);  // libjpeg forgets the markers at the end
  Tensor out = new_image(static_cast<int64_t>(work.info.image_height), width, where, std::move(used));
  std::vector<uint8_t> row(work.info.num_components == 4 ? static_cast<size_t>(4 * width) : 0);
  const bool whole = read_rows(work, out.mutable_values<uint8_t>().data(), row.empty() ? nullptr : row.data(), width);
  if (!whole || work.errors.damaged) refuse();
  return oriented(out, orientation);
}

std::string encode_jpeg(const Tensor& pixels, int quality) {
  require_pixels(pixels);
  Compression work;
  if (!write_rows(work, pixels.values<uint8_t>().data(), pixels.shape()[0], pixels.shape()[1], quality)) {
    fail(ErrorKind::data, "[picture_files.jpeg] cannot encode {} pixels: {}", to_string(pixels.shape()),
         work.errors.message);
  }
  return {reinterpret_cast<const char*>(work.bytes), work.size};
}

}  // namespace quench::picture_files
