#include "data/sets/cifar.h"

#include <algorithm>

#include "core/error.h"
#include "core/file.h"
#include "data/sets/missing.h"
#include "data/sets/pixel_files.h"

namespace quench::data {
namespace {

namespace fs = std::filesystem;

constexpr int kSide = 32;
constexpr int64_t kPlane = kSide * kSide;

std::vector<std::string> read_class_names(const fs::path& path, int expected) {
  std::vector<std::string> names;
  const std::string text = read_file(path);
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    std::string line = text.substr(begin, end - begin);
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
    if (!line.empty()) names.push_back(std::move(line));
    begin = end + 1;
  }
  if (static_cast<int>(names.size()) != expected) {
    fail(ErrorKind::data, "[data.cifar] expected {} class names, got {} ({})", expected, names.size(), path.string());
  }
  return names;
}

void append_records(const fs::path& path, int64_t records, const CifarLayout& layout, PixelStore& store) {
  const int64_t record_bytes = layout.label_bytes + 3 * kPlane;
  std::error_code code;
  const auto got = static_cast<int64_t>(fs::file_size(path, code));
  if (code) fail(ErrorKind::io, "[data.cifar] cannot open {}: {}", path.string(), code.message());
  if (got != records * record_bytes) {
    fail(ErrorKind::data, "[data.cifar] expected {} bytes ({} records of {}), got {}: {} file? ({})",
         records * record_bytes, records, record_bytes, got, got < records * record_bytes ? "truncated" : "another",
         path.string());
  }
  const std::string bytes = read_file(path);
  if (static_cast<int64_t>(bytes.size()) != got) {
    fail(ErrorKind::data, "[data.cifar] expected {} bytes, read {} ({})", got, bytes.size(), path.string());
  }
  const size_t first = store.pixels.size();
  store.pixels.resize(first + static_cast<size_t>(records * 3 * kPlane));
  uint8_t* out = store.pixels.data() + first;
  const auto* in = reinterpret_cast<const uint8_t*>(bytes.data());
  const int label_byte = layout.label_byte < 0 ? layout.label_bytes - 1 : layout.label_byte;
  for (int64_t record = 0; record < records; ++record) {
    const int label = in[label_byte];
    if (label >= layout.class_count) {
      fail(ErrorKind::data, "[data.cifar] expected a label in [0,{}], got {} ({}, record {}, byte offset {})",
           layout.class_count - 1, label, path.string(), record, record * record_bytes + label_byte);
    }
    store.labels.push_back(label);
    in += layout.label_bytes;
    for (int64_t i = 0; i < kPlane; ++i, out += 3) {
      out[0] = in[i];
      out[1] = in[i + kPlane];
      out[2] = in[i + 2 * kPlane];
    }
    in += 3 * kPlane;
  }
}

struct Split {
  const char* name;
  const std::vector<std::string>& files;
  int64_t records;  ///< in each
};

std::shared_ptr<const Dataset> open_split(const fs::path& folder, const Split& split, const CifarLayout& layout,
                                          const std::vector<std::string>& classes,
                                          const std::shared_ptr<FileDigests>& digests) {
  PixelFiles files;
  files.name = fmt::format("{} {}, {}", layout.name, split.name, layout.names_file);
  for (const std::string& file : split.files) files.files.push_back(folder / file);
  const auto count = static_cast<int64_t>(split.files.size());
  files.read = [layout, classes, records = split.records, paths = files.files] {
    PixelStore store{kSide, kSide, {}, {}, classes};
    store.labels.reserve(paths.size() * static_cast<size_t>(records));
    store.pixels.reserve(paths.size() * static_cast<size_t>(records * 3 * kPlane));
    for (const fs::path& path : paths) append_records(path, records, layout, store);
    return store;
  };
  files.files.push_back(folder / layout.names_file);
  files.size = count * split.records;
  files.classes = classes;
  return open_pixel_files(std::move(files), digests);
}

}  // namespace

CifarLayout cifar10_layout() {
  return {"cifar10",
          "cifar-10-batches-bin",
          1,
          10,
          "batches.meta.txt",
          {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"},
          10000,
          {"test_batch.bin"},
          10000};
}

CifarLayout cifar100_layout() {
  return {"cifar100", "cifar-100-binary", 2, 100, "fine_label_names.txt", {"train.bin"}, 50000, {"test.bin"}, 10000};
}

CifarLayout cifar100_coarse_layout() {
  CifarLayout layout = cifar100_layout();
  layout.class_count = 20;
  layout.names_file = "coarse_label_names.txt";
  layout.label_byte = 0;
  return layout;
}

std::vector<fs::path> cifar_places(const CifarLayout& layout, const fs::path& root) {
  return {root / layout.folder, root / layout.name, root / layout.name / layout.folder, root};
}

Splits open_cifar(const CifarLayout& layout, const fs::path& root, const std::shared_ptr<FileDigests>& digests) {
  for (const fs::path& place : cifar_places(layout, root)) {
    if (!fs::exists(place / layout.train_files.front()) && !fs::exists(place / layout.test_files.front())) continue;
    const std::vector<std::string> classes = read_class_names(place / layout.names_file, layout.class_count);
    const auto open = [&](const char* name, const std::vector<std::string>& files, int64_t records) {
      return open_split(place, {name, files, records}, layout, classes, digests);
    };
    return {layout.name, open("train", layout.train_files, layout.train_records),
            open("test", layout.test_files, layout.test_records)};
  }
  fail_missing(layout.name, cifar_places(layout, root), "quench data fetch " + layout.name);
}

}  // namespace quench::data
