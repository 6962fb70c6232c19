#include "data/sets/yolo_folder.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <utility>

#include "config/yaml.h"
#include "core/error.h"
#include "core/file.h"
#include "data/labels/coco_json.h"
#include "data/sets/yolo_split.h"

namespace quench::data {
namespace {

namespace fs = std::filesystem;

/// Names of the classes, and their ids in results where these are others than 0..n-1.
struct Names {
  std::vector<std::string> names;  ///< empty: the labels tell
  std::vector<int64_t> ids;
};

/// The catalogues of the two splits, as one Splits.
Splits make_splits(const std::string& name, const std::vector<fs::path>& train, const std::vector<fs::path>& test,
                   const fs::path& base, const Names& names, const std::shared_ptr<FileDigests>& digests) {
  const ImageList train_list = list_images(train, base), test_list = list_images(test, base);
  const bool same = train_list.images == test_list.images;
  const auto class_count = static_cast<int64_t>(names.names.size());
  DetectionFiles train_files = read_yolo_split(train_list, class_count), test_files;
  if (!same) {
    test_files = read_yolo_split(test_list, class_count);
    std::vector<fs::path> both;
    std::set_intersection(train_list.images.begin(), train_list.images.end(), test_list.images.begin(),
                          test_list.images.end(), std::back_inserter(both));
    for (const fs::path& path : both) {
      test_files.issues.push_back({path.string(), 0, "the image is in the training split too: kept", "both_splits"});
    }
  }
  std::vector<std::string> classes = names.names;
  if (classes.empty()) {
    int32_t highest = 0;
    for (const DetectionFiles* files : {&train_files, &test_files}) {
      for (const DetectionImage& image : files->images) {
        for (const Object& object : image.objects) highest = std::max(highest, object.label);
      }
    }
    classes = numbered_classes(highest + 1);
  }
  for (DetectionFiles* files : {&train_files, &test_files}) {
    files->classes = classes;
    files->category_ids = names.ids;
  }
  const auto cache = std::make_shared<ImageCache>();
  const auto train_set = detection_set(std::move(train_files), cache, digests);
  return {name, train_set, same ? train_set : detection_set(std::move(test_files), cache, digests), same};
}

class YamlFile {
 public:
  explicit YamlFile(const fs::path& path) : path_(path), root_(config::read_yaml(path)) {
    if (!root_.is_object()) reject("a map with train, val and names", root_);
    const fs::path folder = fs::absolute(path).parent_path();
    base_ = folder;
    if (const Json& given = value("path"); !given.is_null()) {
      if (!given.is_string()) reject("a text for 'path'", given);
      base_ = (folder / given.get<std::string>()).lexically_normal();
    }
  }

  const fs::path& base() const { return base_; }
  bool has(const char* key) const { return !value(key).is_null(); }

  std::vector<fs::path> sources(const char* key) const {
    const Json& given = value(key);
    const Json list = given.is_array() ? given : Json::array({given});
    std::vector<fs::path> out;
    for (const Json& item : list) {
      if (!item.is_string() || item.get<std::string>().empty()) {
        reject(fmt::format("a folder, a .txt file or a list of them for '{}'", key), given);
      }
      out.push_back(find(item.get<std::string>(), key));
    }
    if (out.empty()) reject(fmt::format("a folder, a .txt file or a list of them for '{}'", key), given);
    return out;
  }

  std::vector<std::string> names() const {
    const Json &names = value("names"), &count = value("nc");
    if (!count.is_null() && (!count.is_number_integer() || count < 1 || count > 1000000)) {
      reject("a number of classes from 1 on for 'nc'", count);
    }
    std::vector<std::string> out;
    if (names.is_null()) {
      if (count.is_null()) reject("'names' (or 'nc')", nullptr);
      return numbered_classes(count.get<int64_t>());
    }
    if (names.is_array()) {
      for (const Json& item : names) out.push_back(name(item));
    } else if (names.is_object()) {
      out.resize(names.size());
      std::vector<bool> given(names.size(), false);
      for (const auto& [key, item] : names.items()) {
        size_t at = names.size();
        const auto [end, code] = std::from_chars(key.data(), key.data() + key.size(), at);
        if (code != std::errc() || end != key.data() + key.size() || at >= out.size() || given[at]) {
          reject(fmt::format("the keys of 'names' to be 0..{}", names.size() - 1), key);
        }
        given[at] = true;
        out[at] = name(item);
      }
    }
    if (out.empty()) reject("a list of names, or a map from 0..n-1, for 'names'", names);
    if (!count.is_null() && count.get<int64_t>() != static_cast<int64_t>(out.size())) {
      reject(fmt::format("'nc' to be the number of names, {}", out.size()), count);
    }
    return out;
  }

 private:
  const Json& value(const char* key) const {
    static const Json nothing;
    const auto found = root_.find(key);
    return found == root_.end() ? nothing : *found;
  }

  std::string name(const Json& item) const {
    if (item.is_string() && !item.get<std::string>().empty()) return item.get<std::string>();
    if (item.is_number() || item.is_boolean()) return item.dump();
    reject("texts as 'names'", item);
  }

  /// Some exports name `../train/images` where `train/images` is meant.
  fs::path find(const std::string& given, const char* key) const {
    std::vector<fs::path> places{(base_ / given).lexically_normal()};
    if (given.starts_with("../")) places.push_back((base_ / given.substr(3)).lexically_normal());
    std::vector<std::string> tried;
    std::error_code ignored;  // a name that is too long is no file
    for (fs::path& place : places) {
      if (!place.has_filename()) place = place.parent_path();  // ends in a slash
      if (fs::exists(place, ignored)) return place;
      tried.push_back(place.string());
    }
    fail(ErrorKind::io, "[data.yolo] expected the images of '{}', got nothing (looked in {}; from {})", key,
         fmt::join(tried, " and "), path_.string());
  }

  template <typename Got>
  [[noreturn]] void reject(const std::string& expected, const Got& got) const {
    std::string text = Json(got).dump(-1, ' ', true, Json::error_handler_t::replace);
    if (text.size() > 60) text = text.substr(0, 60) + "...";
    fail(ErrorKind::data, "[data.yolo] expected {}, got {} ({})", expected, text == "null" ? "nothing" : text,
         path_.string());
  }

  fs::path path_;
  Json root_;
  fs::path base_;
};

Names names_of_folder(const fs::path& folder) {
  for (const fs::path& file : {folder / "classes.txt", folder / "labels" / "classes.txt"}) {
    if (!fs::is_regular_file(file)) continue;
    Names out;
    const std::string text = read_file(file);
    for (size_t begin = 0; begin < text.size();) {
      const size_t end = std::min(text.find('\n', begin), text.size());
      std::string line = text.substr(begin, end - begin);
      begin = end + 1;
      while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
      if (!line.empty()) out.names.push_back(std::move(line));
    }
    if (!out.names.empty()) return out;
  }
  std::vector<std::pair<uintmax_t, fs::path>> instances;
  if (fs::is_directory(folder / "annotations")) {
    for (const auto& entry : fs::directory_iterator(folder / "annotations")) {
      const std::string name = entry.path().filename().string();
      if (entry.is_regular_file() && name.starts_with("instances_") && name.ends_with(".json")) {
        instances.emplace_back(entry.file_size(), entry.path());
      }
    }
  }
  Names out;
  if (instances.empty()) return out;
  std::sort(instances.begin(), instances.end());
  for (const CocoCategory& category : read_coco_json(instances.front().second).categories) {
    out.names.push_back(category.name);
    out.ids.push_back(category.id);
  }
  return out;
}

/// The sub-folder of images/ for a split, or an empty path.
fs::path split_folder(const fs::path& images, std::initializer_list<const char*> beginnings) {
  std::vector<fs::path> folders;
  for (const auto& entry : fs::directory_iterator(images)) {
    if (entry.is_directory() && !entry.path().filename().string().starts_with('.')) folders.push_back(entry.path());
  }
  std::sort(folders.begin(), folders.end());
  for (const char* beginning : beginnings) {
    for (const fs::path& folder : folders) {
      if (folder.filename().string().starts_with(beginning)) return folder;
    }
  }
  return {};
}

}  // namespace

Splits open_yolo_yaml(const fs::path& file, const std::shared_ptr<FileDigests>& digests) {
  const YamlFile yaml(file);
  const Names names{yaml.names(), {}};
  const char* test = yaml.has("val") || !yaml.has("test") ? "val" : "test";
  return make_splits(file.stem().string(), yaml.sources("train"), yaml.sources(test), yaml.base(), names, digests);
}

bool is_yolo_folder(const fs::path& folder) {
  return fs::is_regular_file(folder / "data.yaml") ||
         (fs::is_directory(folder / "images") && fs::is_directory(folder / "labels"));
}

Splits open_yolo_folder(const fs::path& given, const std::shared_ptr<FileDigests>& digests) {
  fs::path folder = fs::absolute(given).lexically_normal();
  if (!folder.has_filename()) folder = folder.parent_path();  // ends in a slash
  if (fs::is_regular_file(folder / "data.yaml")) {
    Splits splits = open_yolo_yaml(folder / "data.yaml", digests);
    splits.name = folder.filename().string();
    return splits;
  }
  const fs::path images = folder / "images";
  if (!fs::is_directory(images)) {
    fail(ErrorKind::io, "[data.yolo] expected a folder with images/ and labels/, got {} ({})",
         fs::exists(folder) ? "no images/" : "nothing", folder.string());
  }
  fs::path train = split_folder(images, {"train"}), test = split_folder(images, {"val", "test"});
  if (train.empty() || test.empty()) train = test = images;
  return make_splits(folder.filename().string(), {train}, {test}, folder, names_of_folder(folder), digests);
}

}  // namespace quench::data
