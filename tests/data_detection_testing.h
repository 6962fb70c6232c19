#pragma once

#include <filesystem>
#include <fstream>
#include <opencv2/imgcodecs.hpp>
#include <string>
#include <vector>

#include "core/file.h"
#include "core/rng.h"
#include "data/sets/dataset.h"

namespace quench::testing {

/// Writes without syncing: fuzz tests write thousands of files.
inline void write_quickly(const std::filesystem::path& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
}

/// Bytes of an encoded picture with something in it; the same for the same arguments.
inline std::string encoded_image(const std::string& extension, int width, int height, uint64_t seed = 0) {
  cv::Mat image(height, width, CV_8UC3);
  Rng rng(seed, "picture");
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < 3 * width; ++x) image.ptr<uint8_t>(y)[x] = static_cast<uint8_t>((x + y + rng.below(32)) & 255);
  }
  std::vector<uint8_t> bytes;
  cv::imencode(extension, image, bytes);
  return {bytes.begin(), bytes.end()};
}

inline void write_image(const std::filesystem::path& path, int width, int height, uint64_t seed = 0) {
  write_file(path, encoded_image(path.extension().string(), width, height, seed));
}

/// A JPEG with an EXIF block of that orientation after its first marker; big: Motorola byte order.
inline std::string with_orientation(const std::string& jpeg, int orientation, bool big) {
  std::string tiff = big ? std::string("MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0", 19) + char(orientation) +
                               std::string("\0\0\0\0\0\0", 6)
                         : std::string("II\x2a\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0", 18) + char(orientation) +
                               std::string("\0\0\0\0\0\0\0", 7);
  const std::string block = std::string("Exif\0\0", 6) + tiff;
  const size_t length = block.size() + 2;
  return jpeg.substr(0, 2) + "\xff\xe1" + char(length >> 8) + char(length & 255) + block + jpeg.substr(2);
}

/// Where coco128 is, if it is.
inline std::filesystem::path coco128() {
  return std::filesystem::path(QUENCH_SOURCE_DIR).parent_path() / "shared" / "data" / "coco128";
}

/// Issues of a kind.
inline int64_t issues_of(const data::Dataset& dataset, const std::string& kind) {
  int64_t count = 0;
  for (const data::LabelIssue& issue : dataset.issues()) count += issue.kind == kind;
  return count;
}

}  // namespace quench::testing
