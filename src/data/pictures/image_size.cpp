#include "data/pictures/image_size.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>

#include "data/sets/image_folder.h"

namespace quench::data {
namespace {

namespace fs = std::filesystem;

uint32_t number_at(std::string_view bytes, size_t at, size_t count, bool big_endian) {
  uint32_t value = 0;
  for (size_t i = 0; i < count; ++i) {
    const auto byte = static_cast<uint8_t>(bytes[at + (big_endian ? i : count - 1 - i)]);
    value = value << 8 | byte;
  }
  return value;
}
uint32_t big(std::string_view bytes, size_t at, size_t count) { return number_at(bytes, at, count, true); }
uint32_t little(std::string_view bytes, size_t at, size_t count) { return number_at(bytes, at, count, false); }

/// A file read piece by piece.
class Pieces {
 public:
  explicit Pieces(const fs::path& path) : file_(path, std::ios::binary) {}

  /// `count` bytes from `at` on; fewer at the end of the file.
  std::string read(uint64_t at, size_t count) {
    std::string bytes(count, '\0');
    file_.clear();
    file_.seekg(static_cast<std::streamoff>(at));
    file_.read(bytes.data(), static_cast<std::streamsize>(count));
    bytes.resize(static_cast<size_t>(std::max<std::streamsize>(0, file_.gcount())));
    return bytes;
  }

 private:
  std::ifstream file_;
};

enum class Turn { none, quarter, unknown };

/// What the orientation tag of an EXIF block ("Exif\0\0", then TIFF) does to height and width.
Turn turn_of(std::string_view exif) {
  constexpr size_t kTiff = 6;
  if (exif.size() < kTiff + 8) return Turn::unknown;
  const std::string_view tiff = exif.substr(kTiff);
  const bool big_endian = tiff.starts_with("MM");
  if (!big_endian && !tiff.starts_with("II")) return Turn::unknown;
  if (number_at(tiff, 2, 2, big_endian) != 42) return Turn::unknown;
  const size_t directory = number_at(tiff, 4, 4, big_endian);
  if (directory + 2 > tiff.size()) return Turn::unknown;
  const size_t entries = number_at(tiff, directory, 2, big_endian);
  if (directory + 2 + 12 * entries > tiff.size()) return Turn::unknown;
  for (size_t i = 0; i < entries; ++i) {
    const size_t entry = directory + 2 + 12 * i;
    if (number_at(tiff, entry, 2, big_endian) != 0x0112) continue;
    const bool one_short =
        number_at(tiff, entry + 2, 2, big_endian) == 3 && number_at(tiff, entry + 4, 4, big_endian) == 1;
    const uint32_t value = number_at(tiff, entry + 8, 2, big_endian);
    if (!one_short || value < 1 || value > 8) return Turn::unknown;
    return value >= 5 ? Turn::quarter : Turn::none;
  }
  return Turn::none;
}

std::optional<ImageSize> checked(uint32_t height, uint32_t width) {
  constexpr uint32_t kLargest = 1 << 20;
  if (height < 1 || width < 1 || height > kLargest || width > kLargest) return {};
  return ImageSize{static_cast<int>(height), static_cast<int>(width)};
}

std::optional<ImageSize> jpeg_size(Pieces& file) {
  Turn turn = Turn::none;
  bool first_application = true;
  for (uint64_t at = 2;;) {
    const std::string marker = file.read(at, 9);
    if (marker.size() < 9 || marker[0] != '\xff') return {};
    const auto code = static_cast<uint8_t>(marker[1]);
    if (code == 0xff) {  // fill byte
      ++at;
      continue;
    }
    const uint32_t length = big(marker, 2, 2);
    if (length < 2) return {};
    const bool frame = code >= 0xc0 && code <= 0xcf && code != 0xc4 && code != 0xc8 && code != 0xcc;
    if (frame) {
      if (turn == Turn::unknown) return {};
      const auto size = checked(big(marker, 5, 2), big(marker, 7, 2));
      return size && turn == Turn::quarter ? ImageSize{size->width, size->height} : size;
    }
    if (code == 0xe1) {  // APP1: EXIF or XMP
      const std::string block = file.read(at + 4, length - 2);
      const bool exif = block.starts_with(std::string_view("Exif\0\0", 6));
      if (exif) {
        const Turn here = turn_of(block);
        // Decoders look at the first block alone, or at all: agree only where it makes no difference.
        if (first_application) turn = here;
        if (!first_application && here != Turn::none) turn = Turn::unknown;
      }
      first_application = false;
    }
    if (code == 0x01 || (code >= 0xd0 && code <= 0xda)) return {};  // no length, or pixels before any frame
    at += 2 + length;
  }
}

std::optional<ImageSize> png_size(Pieces& file) {
  const std::string head = file.read(0, 24);
  if (head.size() < 24 || head.compare(12, 4, "IHDR") != 0) return {};
  for (uint64_t at = 8;;) {  // to the end: EXIF may stand there
    const std::string chunk = file.read(at, 8);
    if (chunk.size() < 8 || chunk.compare(4, 4, "eXIf") == 0) return {};
    if (chunk.compare(4, 4, "IEND") == 0) return checked(big(head, 20, 4), big(head, 16, 4));
    at += 12 + uint64_t{big(chunk, 0, 4)};
  }
}

std::optional<ImageSize> bmp_size(const std::string& head) {
  if (head.size() < 26 || little(head, 14, 4) < 40) return {};
  const auto height = static_cast<int32_t>(little(head, 22, 4));  // negative: top row first
  return checked(static_cast<uint32_t>(std::abs(int64_t{height})), little(head, 18, 4));
}

std::optional<ImageSize> webp_size(const std::string& head) {
  if (head.size() < 30) return {};
  const std::string_view kind = std::string_view(head).substr(12, 4);
  if (kind == "VP8 " && head.compare(23, 3, "\x9d\x01\x2a") == 0) {
    return checked(little(head, 28, 2) & 0x3fff, little(head, 26, 2) & 0x3fff);
  }
  if (kind == "VP8L" && head[20] == '\x2f') {
    const uint32_t bits = little(head, 21, 4);
    return checked((bits >> 14 & 0x3fff) + 1, (bits & 0x3fff) + 1);
  }
  const bool exif = head[20] & 0x08;
  if (kind == "VP8X" && !exif) return checked(little(head, 27, 3) + 1, little(head, 24, 3) + 1);
  return {};
}

std::optional<ImageSize> header_size(const fs::path& path) {
  Pieces file(path);
  const std::string head = file.read(0, 32);
  if (head.starts_with("\xff\xd8\xff")) return jpeg_size(file);
  if (head.starts_with("\x89PNG\r\n\x1a\n")) return png_size(file);
  if (head.starts_with("BM")) return bmp_size(head);
  if (head.starts_with("RIFF") && head.size() >= 12 && head.compare(8, 4, "WEBP") == 0) return webp_size(head);
  return {};
}

}  // namespace

ImageSize image_size(const fs::path& path) {
  if (const auto size = header_size(path)) return *size;
  const Shape shape = read_image(path).shape();
  return {static_cast<int>(shape[0]), static_cast<int>(shape[1])};
}

}  // namespace quench::data
