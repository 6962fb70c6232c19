#include "data/sets/yolo_folder.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <map>
#include <utility>

#include "config/yaml.h"
#include "core/error.h"
#include "core/file.h"
#include "core/text.h"
#include "core/text_encoding.h"
#include "data/index/listing.h"
#include "data/labels/coco_json.h"
#include "data/sets/description.h"
#include "data/sets/file_finder.h"
#include "data/sets/yolo_split.h"

namespace quench::data {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMostNames = 1000000;

/// Names of the classes, and their ids in results where these are others than 0..n-1.
struct Names {
  std::vector<std::string> names;  ///< empty: the labels tell
  std::vector<int64_t> ids;
};

/// What the index of a set depends on beside its files.
std::string key_of(const std::vector<fs::path>& train, const std::vector<fs::path>& test,
                   const std::vector<fs::path>& bases, const Names& names) {
  std::string key = "yolo";
  bool listed = false;
  for (const auto* sources : {&train, &test}) {
    key += "\n";
    for (const fs::path& source : *sources) {
      key += "\n" + fs::absolute(source).lexically_normal().string();
      listed = listed || lower(source.extension().string()) == ".txt";
    }
  }
  key += "\n";
  if (listed) {
    for (const fs::path& base : bases) key += "\n" + base.string();
  }
  key += "\n";
  for (const std::string& name : names.names) key += "\n" + name;
  for (const int64_t id : names.ids) key += fmt::format("\n{}", id);
  return key;
}

/// Lists and reads the two splits (one, where both are the same images), and makes their index.
std::shared_ptr<const SetIndex> read_splits(const std::vector<fs::path>& train, const std::vector<fs::path>& test,
                                            const std::vector<fs::path>& bases, const Names& names,
                                            const std::string& key, SetMemory& memory) {
  ImageList train_list = list_images(train, bases, &memory), test_list;
  if (train != test) test_list = list_images(test, bases, &memory);
  const bool same = train == test || train_list.images == test_list.images;
  const auto class_count = static_cast<int64_t>(names.names.size());
  std::vector<YoloSplit> splits;
  splits.push_back(read_yolo_split(train_list, class_count, memory));
  if (!same) {
    YoloSplit& read = splits.emplace_back(read_yolo_split(test_list, class_count, memory));
    std::vector<std::string> both;
    std::ranges::set_intersection(train_list.images, test_list.images, std::back_inserter(both), path_before);
    for (const std::string& path : both) {
      read.issues.push_back({path, 0, "the image is in the training split too: kept", "both_splits"});
    }
  }
  int32_t highest = 0;
  int64_t newest_ns = 0;
  std::vector<Sign> signs = std::move(train_list.signs);
  std::ranges::move(test_list.signs, std::back_inserter(signs));
  for (YoloSplit& split : splits) {
    highest = std::max(highest, split.highest_label);
    newest_ns = std::max(newest_ns, split.newest_ns);
    std::ranges::move(split.signs, std::back_inserter(signs));
  }
  const std::vector<std::string> classes = names.names.empty() ? numbered_classes(highest + 1) : names.names;
  std::vector<IndexBuilder> built;
  for (YoloSplit& split : splits) {
    split.pictures.set_classes(classes, names.ids);
    add_sorted(std::move(split.issues), split.pictures);
    built.push_back(std::move(split.pictures));
  }
  std::vector<std::string> notes = std::move(train_list.notes);
  if (!same) std::ranges::move(test_list.notes, std::back_inserter(notes));
  return memory.keep(key, std::move(built), signs, notes, newest_ns, train.front().string());
}

/// The catalogues of the two splits, as one Splits.
Splits make_splits(const std::string& name, const std::vector<fs::path>& train, const std::vector<fs::path>& test,
                   const std::vector<fs::path>& bases, const Names& names, std::shared_ptr<SetMemory> memory) {
  if (!memory) memory = std::make_shared<SetMemory>(fs::path(), Opening());
  const std::string key = key_of(train, test, bases, names);
  std::shared_ptr<const SetIndex> index = memory->find(key, yolo_label_path);
  if (!index) index = read_splits(train, test, bases, names, key, *memory);
  const bool same = index->splits.size() == 1;
  const auto cache = std::make_shared<ImageCache>();
  const auto train_set = detection_set(index, 0, cache, memory, key);
  Splits splits{name, train_set, same ? train_set : detection_set(index, 1, cache, memory, key), same};
  splits.notes = index->notes;
  return splits;
}

/// Where the files of a description may be: its `path`, its own folder, where the program runs.
std::vector<fs::path> bases_of(const fs::path& folder, const std::string& given) {
  std::vector<fs::path> bases;
  std::error_code ignored;
  if (!given.empty()) {
    std::string slashes = given;
    std::ranges::replace(slashes, '\\', '/');
    bases.push_back((folder / given).lexically_normal());
    for (const fs::path& other : {folder / slashes, fs::absolute(slashes)}) {
      if (fs::is_directory(other, ignored)) bases.push_back(other.lexically_normal());
    }
  }
  bases.push_back(folder);
  bases.push_back(fs::current_path());
  return bases;
}

class YamlFile {
 public:
  explicit YamlFile(const fs::path& path)
      : path_(path), root_(config::read_yaml(path)), folder_(fs::absolute(path).lexically_normal().parent_path()) {
    if (!root_.is_object()) reject("a map with train, val and names", root_);
    const Json& given = value("path");
    if (!given.is_null() && !given.is_string()) reject("a text for 'path'", given);
    finder_ = FileFinder(bases_of(folder_, given.is_null() ? "" : given.get<std::string>()));
  }

  const std::vector<fs::path>& bases() const { return finder_.places(); }
  bool has(const char* key) const { return !value(key).is_null(); }

  /// What was found elsewhere than the file says.
  std::vector<std::string> notes() const {
    std::vector<std::string> out;
    std::error_code ignored;
    if (has("path") && !fs::is_directory(bases().front(), ignored)) {
      out.push_back(fmt::format("{}: `path` {} is not here, and its folders are looked for beside the file",
                                path_.string(), value("path").get<std::string>()));
    }
    if (!finder_.note().empty()) out.push_back(fmt::format("{}: {}", path_.string(), finder_.note()));
    return out;
  }

  std::vector<fs::path> sources(const char* key) {
    const Json& given = value(key);
    const Json list = given.is_array() ? given : Json::array({given});
    std::vector<fs::path> out;
    for (const Json& item : list) {
      if (!item.is_string() || item.get<std::string>().empty()) {
        const bool alone = given.is_null() && std::string_view(key) == "val";
        reject(fmt::format("a folder, a .txt file or a list of them for '{}'{}", key,
                           alone ? " (where there is only train, give its folder as --data: it is both then)" : ""),
               given);
      }
      out.push_back(find(item.get<std::string>(), key));
    }
    if (out.empty()) reject(fmt::format("a folder, a .txt file or a list of them for '{}'", key), given);
    return out;
  }

  std::vector<std::string> names() const {
    const Json& names = value("names");
    const int64_t count = class_count();
    std::vector<std::string> out;
    if (names.is_null()) {
      if (count == 0) reject("'names' (or 'nc')", nullptr);
      return numbered_classes(count);
    }
    if (names.is_array()) {
      for (const Json& item : names) out.push_back(name(item));
    } else if (names.is_object()) {
      out = names_by_number(names);
    } else if (names.is_string() && count == 1) {
      out = {name(names)};
    }
    if (out.empty()) reject("a list of names, or a map from 0..n-1, for 'names'", names);
    if (count > 0 && count != static_cast<int64_t>(out.size())) {
      reject(fmt::format("'nc' to be the number of names, {}", out.size()), value("nc"));
    }
    return out;
  }

 private:
  const Json& value(const char* key) const {
    static const Json nothing;
    const auto found = root_.find(key);
    return found == root_.end() ? nothing : *found;
  }

  /// `nc`; 0 where it is not said.
  int64_t class_count() const {
    const Json& given = value("nc");
    if (given.is_null()) return 0;
    const int64_t count = given.is_string() ? number_of(given.get<std::string>())
                                            : (given.is_number_integer() ? given.get<int64_t>() : -1);
    if (count < 1 || count > kMostNames) reject("a number of classes from 1 on for 'nc'", given);
    return count;
  }

  /// The number that a text is, or -1.
  static int64_t number_of(const std::string& text) {
    int64_t number = -1;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
    return code == std::errc() && end == text.data() + text.size() ? number : -1;
  }

  /// {0: cat, 1: dog}, or {cat: 0, dog: 1}.
  std::vector<std::string> names_by_number(const Json& names) const {
    std::map<int64_t, std::string> by_number;
    const bool turned = std::ranges::all_of(names, [](const Json& item) { return item.is_number_integer(); });
    for (const auto& [key, item] : names.items()) {
      const int64_t number = turned && number_of(key) < 0 ? item.get<int64_t>() : number_of(key);
      const std::string text = turned && number_of(key) < 0 ? key : name(item);
      if (number < 0 || !by_number.emplace(number, text).second) {
        reject(fmt::format("the keys of 'names' to be 0..{}, each once", names.size() - 1), key);
      }
    }
    std::vector<std::string> out;
    for (const auto& [number, text] : by_number) {
      if (number != static_cast<int64_t>(out.size())) {
        reject(fmt::format("the keys of 'names' to be 0..{}, each once", names.size() - 1),
               fmt::format("none for {} and one for {}", out.size(), number));
      }
      out.push_back(text);
    }
    return out;
  }

  std::string name(const Json& item) const {
    if (item.is_string() && !item.get<std::string>().empty()) return item.get<std::string>();
    if (item.is_number() || item.is_boolean()) return item.dump();
    reject("texts as 'names'", item);
  }

  /// Some exports name `../train/images` where `train/images` is meant.
  fs::path find(const std::string& given, const char* key) {
    std::vector<std::string> tries{given};
    if (given.starts_with("../") || given.starts_with("..\\")) tries.push_back(given.substr(3));
    for (const std::string& name : tries) {
      fs::path place = finder_.find(name, true);
      if (place.empty()) continue;
      return place.has_filename() ? place : place.parent_path();  // ends in a slash
    }
    fail(ErrorKind::io, "[data.yolo] expected the images of '{}', got nothing at {} (looked in {}; from {})", key,
         given, finder_.places_text(), path_.string());
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
  fs::path folder_;
  FileFinder finder_{{}};
};

Names names_of_folder(const fs::path& folder) {
  for (const fs::path& file : {folder / "classes.txt", folder / "labels" / "classes.txt"}) {
    if (!fs::is_regular_file(file)) continue;
    Names out;
    const std::string text = decoded_text(read_file(file));
    if (const std::string wrong = not_utf8(text, file.string()); !wrong.empty()) {
      fail(ErrorKind::data, "[data.yolo] {}: expected class names in UTF-8, got {}", file.string(), wrong);
    }
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

/// The sub-folder of images/ whose name begins with one of these, the first first; or an empty path.
fs::path split_folder(const fs::path& images, std::initializer_list<const char*> beginnings) {
  std::vector<fs::path> folders;
  for (const auto& entry : fs::directory_iterator(images)) {
    if (entry.is_directory() && !is_hidden(entry.path())) folders.push_back(entry.path());
  }
  std::sort(folders.begin(), folders.end());
  for (const char* beginning : beginnings) {
    for (const fs::path& folder : folders) {
      if (lower(folder.filename().string()).starts_with(beginning)) return folder;
    }
  }
  return {};
}

/// images/ of a split of its own, as Roboflow lays it out: `train/images`, `valid/images`.
fs::path images_of_split(const fs::path& folder, std::string_view split) {
  const fs::path found = folder_of_split(folder, split);
  return found.empty() || !fs::is_directory(found / "images") ? fs::path() : found / "images";
}

}  // namespace

Splits open_yolo_yaml(const fs::path& file, const std::shared_ptr<SetMemory>& memory) {
  YamlFile yaml(file);
  const Names names{yaml.names(), {}};
  const char* test = "val";
  for (const char* key : {"test", "validation", "valid", "val"}) {
    if (yaml.has(key)) test = key;
  }
  const std::vector<fs::path> train = yaml.sources("train"), tested = yaml.sources(test);
  Splits splits = make_splits(file.stem().string(), train, tested, yaml.bases(), names, memory);
  const std::vector<std::string> notes = yaml.notes();
  splits.notes.insert(splits.notes.begin(), notes.begin(), notes.end());
  return splits;
}

bool is_yolo_folder(const fs::path& folder) {
  std::vector<std::string> ignored;
  return (fs::is_directory(folder / "images") && fs::is_directory(folder / "labels")) ||
         (!images_of_split(folder, "train").empty() && fs::is_directory(folder_of_split(folder, "train") / "labels")) ||
         !description_of(folder, ignored).empty();
}

Splits open_yolo_folder(const fs::path& given, const std::shared_ptr<SetMemory>& memory) {
  fs::path folder = fs::absolute(given).lexically_normal();
  if (!folder.has_filename()) folder = folder.parent_path();  // ends in a slash
  std::vector<std::string> notes;
  if (const fs::path file = description_of(folder, notes); !file.empty()) {
    Splits splits = open_yolo_yaml(file, memory);
    splits.name = folder.filename().string();
    splits.notes.insert(splits.notes.begin(), notes.begin(), notes.end());
    return splits;
  }
  const fs::path images = folder / "images";
  fs::path train, test;
  if (fs::is_directory(images)) {
    train = split_folder(images, {"train"});
    test = split_folder(images, {"val", "test"});
    if (train.empty() || test.empty()) train = test = images;
  } else {
    train = images_of_split(folder, "train");
    test = images_of_split(folder, "val");
    if (test.empty()) test = images_of_split(folder, "test");
    if (test.empty()) test = train;
  }
  if (train.empty()) {
    fail(ErrorKind::io, "[data.yolo] expected a folder with images/ and labels/, got {} ({})",
         fs::exists(folder) ? "no images/" : "nothing", folder.string());
  }
  return make_splits(folder.filename().string(), {train}, {test}, {folder}, names_of_folder(folder), memory);
}

}  // namespace quench::data
