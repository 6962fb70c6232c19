#include "picture_files/decode.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/error.h"
#include "core/text.h"
#include "picture_files/kinds.h"

namespace quench::picture_files {

std::string picture_kind(std::string_view bytes) {
  if (bytes.starts_with("\xff\xd8\xff")) return "jpeg";
  if (bytes.starts_with("\x89PNG\r\n\x1a\n")) return "png";
  if (bytes.starts_with("P6")) return "ppm";
  return "";
}

bool is_picture_name(std::string_view name) {
  static constexpr std::array<std::string_view, 4> kEndings{".jpg", ".jpeg", ".png", ".ppm"};
  const std::string low = lower(std::string(name));
  return std::ranges::any_of(kEndings, [&](std::string_view ending) { return low.ends_with(ending); });
}

Tensor decode_picture(std::string_view bytes, std::string_view where, Tensor used) {
  const std::string kind = picture_kind(bytes);
  if (kind == "jpeg") return decode_jpeg(bytes, where, std::move(used));
  if (kind == "png") return decode_png(bytes, where);
  if (kind == "ppm") return decode_ppm(bytes, where);
  fail(ErrorKind::data, "[picture_files] expected JPEG, PNG or PPM, got {} ({})",
       bytes.empty() ? "an empty file" : "another kind of file", where);
}

Tensor new_image(int64_t height, int64_t width, std::string_view where, Tensor used) {
  const bool fits =
      height >= 1 && width >= 1 && height <= kLargestSide && width <= kLargestSide && height * width <= kMostPixels;
  if (!fits) {
    fail(ErrorKind::data,
         "[picture_files] expected a picture of 1 to {} million pixels and sides to {}, got {}x{} ({})",
         kMostPixels / 1'000'000, kLargestSide, height, width, where);
  }
  if (used.dtype() == DType::u8 && used.shape() == Shape{height, width, 3} && !used.shared()) return used;
  return Tensor(DType::u8, {height, width, 3});
}

}  // namespace quench::picture_files
