#pragma once

#include <filesystem>

namespace quench::data {

struct ImageSize {
  int height = 0;
  int width = 0;
  bool operator==(const ImageSize&) const = default;
};

/// The size that read_image() gives the file, so with its EXIF orientation applied: a photo stored lying with
/// orientation 5..8 is as wide as it stands. Reads the header alone (JPEG, PNG, BMP, WebP); where that does not settle
/// it (another format, EXIF that does not read or is not where it should be), decodes the image.
/// Throws Error{io} for a missing file, Error{data} naming the file where it neither has a header nor decodes.
ImageSize image_size(const std::filesystem::path& path);

}  // namespace quench::data
