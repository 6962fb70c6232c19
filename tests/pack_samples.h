#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "core/rng.h"
#include "pack/file.h"

namespace quench::pack::samples {

/// `count` images of noise with labels.
inline Header classify_header(int64_t count, int64_t side = 4, int64_t classes = 3) {
  Header header;
  header.task = "classify";
  header.data = "noise";
  header.split = "test";
  header.data_sha256 = "d1";
  header.height = header.width = side;
  for (int64_t c = 0; c < classes; ++c) header.classes.push_back(std::to_string(c));
  Rng rng(1, "labels");
  for (int64_t i = 0; i < count; ++i) header.labels.push_back(static_cast<int32_t>(rng.below(classes)));
  return header;
}

/// Images of many shapes, letterboxed into a square, with 0 to 4 objects each, some of them crowds.
inline Header detect_header(int64_t count, int64_t side = 64, int64_t classes = 2) {
  Header header = classify_header(0, side, classes);
  header.task = "detect";
  for (int64_t i = 0; i < count; ++i) {
    Rng rng(2, "objects", static_cast<uint64_t>(i));
    const int height = 20 + static_cast<int>(rng.below(100)), width = 20 + static_cast<int>(rng.below(100));
    Image image{1000 + 7 * i,
                "image-\xc3\xa9-" + std::to_string(i) + ".jpg",
                letterbox(height, width, static_cast<int>(side), static_cast<int>(side)),
                {}};
    for (uint64_t o = 0, objects = rng.below(5); o < objects; ++o) {
      const double x = rng.uniform(0, width - 10), y = rng.uniform(0, height - 10);
      const double w = rng.uniform(1, width - x), h = rng.uniform(1, height - y);
      image.objects.push_back({.box = {x, y, x + w, y + h},
                               .label = static_cast<int32_t>(rng.below(classes)),
                               .crowd = rng.chance(0.2),
                               .area = 0.7 * w * h});
    }
    header.images.push_back(std::move(image));
  }
  return header;
}

/// Image `index` of such a pack: the same noise each time.
inline std::vector<uint8_t> noise_image(const Header& header, int64_t index) {
  Rng rng(3, "pixels", static_cast<uint64_t>(index));
  std::vector<uint8_t> image(static_cast<size_t>(header.image_bytes()));
  for (uint8_t& value : image) value = static_cast<uint8_t>(rng.below(256));
  return image;
}

/// Writes a file without waiting for the disk.
inline void put(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

/// A pack of that header with noise for images. Returns its sha256.
inline std::string write_noise(const std::filesystem::path& path, const Header& header) {
  Writer writer(path, header);
  for (int64_t i = 0; i < header.count(); ++i) writer.add(noise_image(header, i));
  return writer.finish();
}

}  // namespace quench::pack::samples
