#include "picture_files/orientation.h"

#include <cstring>

namespace quench::picture_files {
namespace {

constexpr uint32_t kOrientationTag = 0x0112;

/// Numbers of a TIFF; 0 beyond its end.
class Tiff {
 public:
  explicit Tiff(std::string_view bytes) : bytes_(bytes), big_(bytes.starts_with("MM")) {}
  uint32_t number(size_t at, size_t size) const {
    if (at > bytes_.size() || size > bytes_.size() - at) return 0;
    uint32_t value = 0;
    for (size_t i = 0; i < size; ++i) {
      const auto byte = static_cast<unsigned char>(bytes_[at + (big_ ? i : size - 1 - i)]);
      value = value << 8 | byte;
    }
    return value;
  }

 private:
  std::string_view bytes_;
  bool big_;
};

}  // namespace

int exif_orientation(std::string_view exif) {
  if (!exif.starts_with("II") && !exif.starts_with("MM")) return 1;
  const Tiff tiff(exif);
  if (tiff.number(2, 2) != 42) return 1;
  const size_t directory = tiff.number(4, 4);
  const uint32_t entries = tiff.number(directory, 2);
  for (uint32_t i = 0; i < entries; ++i) {
    const size_t entry = directory + 2 + size_t{12} * i;
    if (entry >= exif.size()) return 1;
    if (tiff.number(entry, 2) != kOrientationTag) continue;
    const uint32_t value = tiff.number(entry + 8, 2);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

Tensor oriented(const Tensor& pixels, int orientation) {
  if (orientation <= 1 || orientation > 8) return pixels;
  const int64_t height = pixels.shape()[0], width = pixels.shape()[1];
  const bool turned = orientation >= 5;
  Tensor out(DType::u8, {turned ? width : height, turned ? height : width, 3});
  const uint8_t* from = pixels.values<uint8_t>().data();
  uint8_t* to = out.mutable_values<uint8_t>().data();
  for (int64_t y = 0; y < out.shape()[0]; ++y) {
    for (int64_t x = 0; x < out.shape()[1]; ++x, to += 3) {
      int64_t row = turned ? x : y, column = turned ? y : x;
      if (orientation == 3 || orientation == 4 || orientation == 7 || orientation == 6) row = height - 1 - row;
      if (orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8) column = width - 1 - column;
      std::memcpy(to, from + 3 * (row * width + column), 3);
    }
  }
  return out;
}

}  // namespace quench::picture_files
