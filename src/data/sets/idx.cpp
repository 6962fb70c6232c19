#include "data/sets/idx.h"

#include <zlib.h>

#include <algorithm>

#include "core/error.h"
#include "core/shape.h"
#include "data/sets/missing.h"
#include "data/sets/pixel_files.h"

namespace quench::data {
namespace {

namespace fs = std::filesystem;

std::string inflate_file(const fs::path& path) {  // zlib's gzread passes plain files through
  gzFile file = gzopen(path.c_str(), "rb");
  if (!file) fail(ErrorKind::io, "[data.idx] cannot open {}", path.string());
  gzbuffer(file, 1 << 17);
  std::string content;
  std::string block(1 << 20, '\0');
  int got = 0;
  while ((got = gzread(file, block.data(), static_cast<unsigned>(block.size()))) > 0) {
    content.append(block.data(), static_cast<size_t>(got));
  }
  int code = Z_OK;
  const std::string reason = gzerror(file, &code);
  gzclose(file);
  if (got < 0 || (code != Z_OK && code != Z_STREAM_END)) {
    fail(ErrorKind::data, "[data.idx] expected a whole gzip stream, got {} bytes, then: {} ({})", content.size(),
         reason.empty() ? "damaged" : reason, path.string());
  }
  return content;
}

/// `stem` or `stem`.gz in the folder; empty where neither is there.
fs::path find_idx(const fs::path& folder, const std::string& stem) {
  for (const fs::path& path : {folder / (stem + ".gz"), folder / stem}) {
    if (fs::exists(path)) return path;
  }
  return {};
}

const std::vector<std::string>& fashion_classes() {
  static const std::vector<std::string> names{"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
                                              "Sandal",      "Shirt",   "Sneaker",  "Bag",   "Ankle boot"};
  return names;
}

PixelStore read_arrays(const fs::path& image_path, const fs::path& label_path) {
  const IdxArray images = read_idx(image_path, 3);
  const IdxArray labels = read_idx(label_path, 1);
  if (images.shape[0] != labels.shape[0]) {
    fail(ErrorKind::data, "[data.idx] expected {} labels, as many as images, got {} ({})", images.shape[0],
         labels.shape[0], label_path.string());
  }
  PixelStore store{static_cast<int>(images.shape[1]), static_cast<int>(images.shape[2]), {}, {}, fashion_classes()};
  const int class_count = static_cast<int>(store.classes.size());
  for (size_t i = 0; i < labels.bytes.size(); ++i) {
    const int label = static_cast<uint8_t>(labels.bytes[i]);
    if (label >= class_count) {
      fail(ErrorKind::data, "[data.idx] expected a label in [0,{}], got {} ({}, record {}, byte offset {})",
           class_count - 1, label, label_path.string(), i, i + 8);
    }
    store.labels.push_back(label);
  }
  store.pixels.resize(images.bytes.size() * 3);
  for (size_t i = 0; i < images.bytes.size(); ++i) {
    std::fill_n(store.pixels.data() + 3 * i, 3, static_cast<uint8_t>(images.bytes[i]));
  }
  return store;
}

std::shared_ptr<const Dataset> open_split(const fs::path& folder, const std::string& split,
                                          const std::shared_ptr<FileDigests>& digests) {
  const fs::path images = find_idx(folder, split + "-images-idx3-ubyte");
  const fs::path labels = find_idx(folder, split + "-labels-idx1-ubyte");
  if (images.empty() || labels.empty()) {
    fail(ErrorKind::io, "[data.idx] expected {} beside the others, got no such file",
         (folder / (split + (images.empty() ? "-images-idx3-ubyte[.gz]" : "-labels-idx1-ubyte[.gz]"))).string());
  }
  return open_pixel_files({"fashion-mnist " + split,
                           {images, labels},
                           [images, labels] { return read_arrays(images, labels); },
                           -1,
                           fashion_classes()},
                          digests);
}

}  // namespace

IdxArray read_idx(const fs::path& path, int rank) {
  IdxArray array;
  array.bytes = inflate_file(path);
  const size_t header = 4 + 4 * static_cast<size_t>(rank);
  const auto word = [&](size_t offset) {
    uint32_t value = 0;
    for (size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<uint8_t>(array.bytes[offset + i]);
    return value;
  };
  const uint32_t magic = 0x0800u + static_cast<uint32_t>(rank);
  if (array.bytes.size() < header) {
    fail(ErrorKind::data, "[data.idx] expected a header of {} bytes, got {} ({})", header, array.bytes.size(),
         path.string());
  }
  if (word(0) != magic) {
    fail(ErrorKind::data, "[data.idx] expected magic number {:#010x}, got {:#010x} ({})", magic, word(0),
         path.string());
  }
  for (int i = 0; i < rank; ++i) array.shape.push_back(word(4 + 4 * static_cast<size_t>(i)));
  const int64_t expected = element_count(array.shape);
  const auto got = static_cast<int64_t>(array.bytes.size() - header);
  if (got != expected) {
    fail(ErrorKind::data, "[data.idx] expected {} bytes for {}, got {} ({})", expected, to_string(array.shape), got,
         path.string());
  }
  array.bytes.erase(0, header);
  return array;
}

std::vector<fs::path> fashion_mnist_places(const fs::path& root) {
  return {root / "fashion-mnist", root / "FashionMNIST" / "raw", root, "/usr/share/datasets/fashion-mnist"};
}

Splits open_fashion_mnist(const std::vector<fs::path>& places, const std::shared_ptr<FileDigests>& digests) {
  for (const fs::path& place : places) {
    if (find_idx(place, "train-images-idx3-ubyte").empty()) continue;
    return {"fashion-mnist", open_split(place, "train", digests), open_split(place, "t10k", digests)};
  }
  fail_missing("fashion-mnist", places, "apt install dataset-fashion-mnist, or quench data fetch fashion-mnist");
}

}  // namespace quench::data
