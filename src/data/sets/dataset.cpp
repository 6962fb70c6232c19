#include "data/sets/dataset.h"

#include <fmt/ranges.h>

#include <numeric>

#include "core/error.h"
#include "core/hash.h"
#include "core/printable.h"
#include "core/text.h"
#include "core/utf8.h"
#include "data/sets/catalog.h"
#include "data/sets/cifar.h"
#include "data/sets/coco_instances.h"
#include "data/sets/idx.h"
#include "data/sets/image_folder.h"
#include "data/sets/missing.h"
#include "data/sets/open.h"
#include "data/sets/scenes.h"
#include "data/sets/shapes.h"
#include "data/sets/yolo_folder.h"
#include "data/shards/sharded_set.h"

namespace quench::data {

namespace fs = std::filesystem;

void fail_missing(const std::string& name, const std::vector<fs::path>& places, const std::string& how) {
  std::vector<std::string> tried;
  for (const fs::path& place : places) tried.push_back(place.string());
  fail(ErrorKind::io, "[data] expected the data set {}, got no such files; get it with: {} (looked in {})", name, how,
       fmt::join(tried, ", "));
}

fs::path default_root(const char* quench_data, const char* home) {
  if (quench_data && *quench_data) return quench_data;
  return fs::path(home && *home ? home : ".") / ".cache" / "quench";
}

std::string digest(const Splits& splits) {
  return sha256_hex(splits.train->digest() + splits.test->digest() +
                    (splits.validation ? splits.validation->digest() : ""));
}

std::vector<Object> Dataset::objects(int64_t) const {
  fail(ErrorKind::internal, "[data] a classification set has no boxes");
}

ImageInfo Dataset::image(int64_t) const { fail(ErrorKind::internal, "[data] a classification set names no images"); }

std::vector<int64_t> Dataset::category_ids() const {
  std::vector<int64_t> ids(classes().size());
  std::iota(ids.begin(), ids.end(), int64_t{0});
  return ids;
}

namespace {

Splits open_file(const fs::path& file, const std::string& extension, const std::shared_ptr<SetMemory>& memory) {
  if (!fs::is_regular_file(file)) fail(ErrorKind::io, "[data] expected a file, got nothing ({})", file.string());
  return extension == ".json" ? open_coco(file, memory) : open_yolo_yaml(file, memory);
}

Splits open_folder(const fs::path& folder, const std::shared_ptr<SetMemory>& memory) {
  if (is_yolo_folder(folder)) return open_yolo_folder(folder, memory);
  if (const fs::path coco = coco_file_of(folder); !coco.empty()) return open_coco(coco, memory);
  return open_image_folder(folder, memory);
}

/// Names go into models and records, which hold text in UTF-8.
void require_utf8(const Splits& splits) {
  for (const std::string& name : splits.train->classes()) {
    if (utf8_prefix(name) == name.size()) continue;
    fail(ErrorKind::data, "[data] expected class names in UTF-8, got '{}' ({})", printable(name), splits.name);
  }
}

Splits open_any(const std::string& name_or_path, const fs::path& root, Opening opening) {
  const auto memory = std::make_shared<SetMemory>(root, std::move(opening));
  const std::shared_ptr<FileDigests> digests(memory, &memory->digests());
  if (name_or_path == "cifar100") return open_cifar(cifar100_layout(), root, digests);
  if (name_or_path == "cifar10") return open_cifar(cifar10_layout(), root, digests);
  if (name_or_path == "fashion-mnist") return open_fashion_mnist(fashion_mnist_places(root), digests);
  if (name_or_path == "shapes") return open_shapes();
  if (is_sharded(name_or_path)) return open_shards(name_or_path);
  if (const size_t end = name_or_path.rfind(':'); end != std::string::npos && is_sharded(name_or_path.substr(0, end))) {
    return open_shards(name_or_path.substr(0, end), parse_shard_reading(name_or_path.substr(end + 1)));
  }
  const size_t colon = name_or_path.find(':');
  const std::string name = name_or_path.substr(0, colon);
  if (name == "cifar100-scenes") {
    return open_scenes(parse_scene_settings(colon == std::string::npos ? "" : name_or_path.substr(colon + 1)), root,
                       digests);
  }
  if ((name == "coco128" || name == "coco-val") && colon == std::string::npos) {
    if (fs::is_directory(name)) return open_folder(name, memory);
    if (fs::is_directory(root / name)) return open_folder(root / name, memory);
    fail_missing(name, {root / name}, "quench data fetch " + name);
  }
  const std::string extension = lower(fs::path(name_or_path).extension().string());
  const bool file = extension == ".yaml" || extension == ".yml" || extension == ".json";
  if (file && !fs::is_directory(name_or_path)) return open_file(name_or_path, extension, memory);
  if (name_or_path.find('/') != std::string::npos || fs::is_directory(name_or_path))
    return open_folder(name_or_path, memory);
  fail(ErrorKind::config,
       "[data] unknown data set '{}'{}; or give the path of a folder, a data.yaml or a COCO instances.json",
       name_or_path, suggestion(name, built_in_names()));
}

}  // namespace

Splits open(const std::string& name_or_path, const fs::path& root, bool may_make_root) {
  return open(name_or_path, root, Opening{.may_make_root = may_make_root});
}

Splits open(const std::string& name_or_path, const fs::path& root, Opening opening) {
  Splits splits = open_any(name_or_path, root, std::move(opening));
  require_utf8(splits);
  return splits;
}

}  // namespace quench::data
