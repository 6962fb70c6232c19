#include "data/sets/coco_instances.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <iterator>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "core/error.h"
#include "core/text.h"
#include "data/labels/coco_json.h"
#include "data/pictures/image_size.h"
#include "data/sets/detection_files.h"
#include "data/sets/file_finder.h"

namespace quench::data {
namespace {

namespace fs = std::filesystem;

constexpr double kRounding = 1;  // pixel: boxes of the original files reach over the border by less

/// The split that a name begins with, whatever follows: "val" of "val2017" and "valid"; empty where it says none.
std::string split_said(const std::string& name) {
  const std::string word = name.substr(
      0, std::ranges::find_if_not(name, [](unsigned char c) { return std::isalpha(c) != 0; }) - name.begin());
  for (const char* split : {"train", "val", "test"}) {
    if (names_split(word, split)) return split;
  }
  return "";
}

/// The folders below `images` that may have the pictures of a split: not those of another one, whose pictures often
/// have the same names, where there is one of its own.
std::vector<fs::path> folders_of(const fs::path& images, const std::string& split, bool has_own) {
  std::vector<fs::path> own, others;
  std::error_code ignored;  // no such folder: none
  for (const auto& entry : fs::directory_iterator(images, ignored)) {
    if (!entry.is_directory(ignored) || is_hidden(entry.path())) continue;
    const std::string said = split_said(entry.path().filename().string());
    const bool is_own = !split.empty() && said == split;
    if (is_own || said.empty() || split.empty()) own.push_back(entry.path());
    if (!is_own && !said.empty() && !split.empty()) others.push_back(entry.path());
    has_own = has_own || is_own;
  }
  std::ranges::sort(own);
  std::ranges::sort(others);
  if (!has_own) own.insert(own.end(), others.begin(), others.end());
  return own;
}

/// Folders that may have the images of a file, in order.
std::vector<fs::path> image_places(const fs::path& file) {
  const fs::path here = fs::absolute(file).lexically_normal().parent_path(), above = here.parent_path();
  const std::string stem = file.stem().string();
  const std::string split = stem.substr(stem.rfind('_') + 1);  // npos + 1 is 0
  std::vector<fs::path> places{here, here / "images", above / "images" / split, above / split, above / "images"};
  std::error_code ignored;
  const bool has_own = fs::is_directory(above / split, ignored) || fs::is_directory(above / "images" / split, ignored);
  const std::vector<fs::path> others = folders_of(above / "images", split_said(split), has_own);
  places.insert(places.end(), others.begin(), others.end());
  places.push_back(above);  // names from the data set's root on
  places.push_back(above.parent_path());
  places.push_back(fs::current_path());
  return places;
}

/// What was read of a split, and from what.
struct CocoSplit {
  IndexBuilder pictures;
  std::vector<Sign> signs;
  std::string note;  ///< where images were found elsewhere than the file says
  int64_t newest_ns = 0;
};

class SplitReader {
 public:
  SplitReader(const fs::path& file, CocoJson json, SetMemory& memory)
      : file_(file), json_(std::move(json)), finder_(image_places(file), Tails::of_all), memory_(memory) {}

  CocoSplit read() {
    read_images();
    std::unordered_map<int64_t, int32_t> classes;
    std::vector<std::string> names;
    std::vector<int64_t> ids;
    for (const CocoCategory& category : json_.categories) {
      classes.emplace(category.id, static_cast<int32_t>(classes.size()));
      names.push_back(category.name);
      ids.push_back(category.id);
    }
    out_.pictures.set_classes(names, ids);
    for (size_t i = 0; i < json_.annotations.size(); ++i) read_annotation(json_.annotations[i], i, classes);
    for (const CocoImage& image : json_.images) {
      const auto lost = left_out_.find(image.id);
      if (lost == left_out_.end()) continue;
      issue(fmt::format("image {} ({}) {}: left out, and {} objects", image.id, image.file_name, lost->second.reason,
                        lost->second.objects),
            "image");
      left_out_.erase(lost);
    }
    add_sorted(std::move(issues_), out_.pictures);
    if (!finder_.note().empty()) out_.note = fmt::format("{}: {}", file_.string(), finder_.note());
    return std::move(out_);
  }

 private:
  struct LeftOut {
    std::string reason;
    int64_t objects = 0;
  };

  void issue(std::string problem, std::string kind) {
    issues_.push_back({file_.string(), 0, std::move(problem), std::move(kind)});
  }

  /// An image whose file is known.
  struct Found {
    const CocoImage* said;
    fs::path path;
    ImageSize size = {};  ///< 0: it does not decode
    FileStamp stamp = {};
  };

  void read_images() {
    constexpr size_t kAtOnce = 4096;
    bool any_file = json_.images.empty();
    std::set<fs::path> missed;  // folders where a file was looked for
    std::unordered_set<int64_t> seen;
    std::vector<Found> found;
    for (const CocoImage& image : json_.images) {
      if (!seen.insert(image.id).second) {
        issue(fmt::format("image {} ({}) has the id of an earlier one: left out", image.id, image.file_name), "image");
        continue;
      }
      fs::path path = finder_.find(image.file_name);
      if (path.empty()) {
        left_out_[image.id] = {"is missing", 0};
        for (const fs::path& place : finder_.places()) missed.insert((place / image.file_name).parent_path());
        continue;
      }
      any_file = true;
      found.push_back({&image, std::move(path)});
      if (found.size() == kAtOnce) add_images(found);
    }
    add_images(found);
    // What changes all the time is no sign: the folder that the set lies in, that above it, where the program runs.
    const fs::path above = fs::absolute(file_).lexically_normal().parent_path().parent_path();
    for (const fs::path& other : {above, above.parent_path(), fs::current_path()}) missed.erase(other);
    for (const fs::path& folder : missed) out_.signs.push_back(sign_of(folder));
    if (any_file) return;
    fail(ErrorKind::io, "[data.coco] expected {} images as {} says, got none, such as {} (looked in {})",
         json_.images.size(), file_.string(), json_.images.front().file_name, finder_.places_text());
  }

  /// Reads their sizes, and adds them.
  void add_images(std::vector<Found>& images) {
    for_many(static_cast<int64_t>(images.size()), memory_.opening().cancel, [&](int64_t i) {
      Found& image = images[static_cast<size_t>(i)];
      image.stamp = stamp_of({image.path});
      try {
        image.size = image_size(image.path);
      } catch (const Error& error) {
        if (error.kind() != ErrorKind::data) throw;
      }
    });
    for (const Found& image : images) {
      const CocoImage& said = *image.said;
      if (image.size.height == 0) {
        left_out_[said.id] = {"does not decode", 0};
        out_.signs.push_back({image.path, image.stamp});
        continue;
      }
      const bool says_size = said.height > 0 && said.width > 0;
      if (says_size && (said.height != image.size.height || said.width != image.size.width)) {
        issue(fmt::format("image {} ({}) is {}x{}, not {}x{}: boxes are taken as its pixels", said.id, said.file_name,
                          image.size.width, image.size.height, said.width, said.height),
              "image_size");
      }
      by_id_.emplace(said.id, out_.pictures.size());
      sizes_.push_back(image.size);
      out_.pictures.add(image.path);
      out_.pictures.describe(
          {said.id, said.file_name, image.size.height, image.size.width, stamp_number(image.stamp), 0});
      out_.newest_ns = std::max(out_.newest_ns, image.stamp.newest_ns);
    }
    memory_.show(
        fmt::format("reading the pictures of {}: {} of {}", file_.string(), out_.pictures.size(), json_.images.size()));
    images.clear();
  }

  void read_annotation(const CocoAnnotation& annotation, size_t number,
                       const std::unordered_map<int64_t, int32_t>& classes) {
    const std::string name =
        annotation.id ? fmt::format("annotation {}", *annotation.id) : fmt::format("annotations[{}]", number);
    if (!annotation.wrong_id.empty()) {
      return issue(fmt::format("{}: {}, and no integer: left out", name, annotation.wrong_id), "reference");
    }
    if (!annotation.image_id || !annotation.category_id) {
      return issue(name + " has no image_id or category_id: left out", "reference");
    }
    const auto lost = left_out_.find(*annotation.image_id);
    if (lost != left_out_.end()) {
      ++lost->second.objects;
      return;
    }
    const auto image = by_id_.find(*annotation.image_id);
    if (image == by_id_.end()) {
      return issue(fmt::format("{}: no image has the id {}: left out", name, *annotation.image_id), "reference");
    }
    const auto label = classes.find(*annotation.category_id);
    if (label == classes.end()) {
      return issue(fmt::format("{}: no category has the id {}: left out", name, *annotation.category_id), "reference");
    }
    if (!annotation.box) return issue(name + ": expected 4 numbers as bbox: left out", "numbers");
    const auto& [x, y, width, height] = *annotation.box;
    if (!(width > 0 && height > 0)) {
      return issue(fmt::format("{}: expected a width and height above 0, got {} and {}: left out", name, width, height),
                   "size");
    }
    Box box{x, y, x + width, y + height};
    const ImageSize& size = sizes_[static_cast<size_t>(image->second)];
    const auto right = static_cast<double>(size.width), bottom = static_cast<double>(size.height);
    const double over = std::max({-box.x1, -box.y1, box.x2 - right, box.y2 - bottom});
    if (over > kRounding) {
      box = {std::clamp(box.x1, 0.0, right), std::clamp(box.y1, 0.0, bottom), std::clamp(box.x2, 0.0, right),
             std::clamp(box.y2, 0.0, bottom)};
      if (box.area() <= 0) return issue(name + ": nothing of the box is inside the image: left out", "outside");
      issue(fmt::format("{}: the box reaches {:.1f} pixels beyond the image's border: clipped", name, over), "clipped");
    }
    const double area = annotation.area && *annotation.area > 0 ? *annotation.area : box.area();
    out_.pictures.add_object(image->second, {box, label->second, annotation.crowd, area});
  }

  fs::path file_;
  CocoJson json_;
  FileFinder finder_;
  SetMemory& memory_;
  CocoSplit out_;
  std::vector<ImageSize> sizes_;
  std::vector<LabelIssue> issues_;
  std::unordered_map<int64_t, int64_t> by_id_;
  std::unordered_map<int64_t, LeftOut> left_out_;
};

bool is_json(const fs::path& path) { return lower(path.extension().string()) == ".json" && !is_hidden(path); }

/// The annotations in a split's own folder, as Roboflow lays them out: `_annotations.coco.json`, else the one JSON.
fs::path annotations_in(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    if (!entry.is_regular_file(ignored) || !is_json(entry.path())) continue;
    if (entry.path().filename() == "_annotations.coco.json") return entry.path();
    files.push_back(entry.path());
  }
  return files.size() == 1 ? files.front() : fs::path();
}

/// The file for testing beside one for training, or an empty path: the same name with another split's, or the
/// annotations of another split's folder beside this one's.
fs::path validation_file(const fs::path& train) {
  const std::string name = train.filename().string();
  if (const size_t at = name.find("train"); at != std::string::npos) {
    for (const char* split : {"val", "valid", "validation", "test"}) {
      const fs::path other = train.parent_path() / std::string(name).replace(at, 5, split);
      if (fs::is_regular_file(other)) return other;
    }
  }
  const fs::path folder = fs::absolute(train).lexically_normal().parent_path();
  if (!names_split(folder.filename().string(), "train")) return {};
  for (const char* split : {"val", "test"}) {
    const fs::path other = folder_of_split(folder.parent_path(), split);
    if (other.empty()) continue;
    if (fs::is_regular_file(other / name)) return other / name;
    if (const fs::path found = annotations_in(other); !found.empty()) return found;
  }
  return {};
}

/// Reads the files of one or two splits, and makes their index.
std::shared_ptr<const SetIndex> read_splits(const std::vector<fs::path>& files, const std::string& key,
                                            SetMemory& memory) {
  std::vector<Sign> signs;
  std::vector<CocoJson> read;
  for (const fs::path& file : files) {
    signs.push_back(sign_of(fs::absolute(file)));
    read.push_back(read_coco_json(file, [&](int64_t bytes, int64_t of) {
      memory.show(fmt::format("reading {}: {} of {} MB", file.string(), bytes / 1'000'000, of / 1'000'000));
    }));
    if (read.back().categories != read.front().categories) {
      fail(ErrorKind::data, "[data.coco] expected the same categories in both splits, got others in {} than in {}",
           file.string(), files.front().string());
    }
  }
  std::vector<IndexBuilder> splits(files.size());
  std::vector<std::string> notes;
  int64_t newest_ns = 0;
  for (size_t i = files.size(); i-- > 0;) {  // the test split first, as its errors are
    CocoSplit split = SplitReader(files[i], std::exchange(read[i], {}), memory).read();
    splits[i] = std::move(split.pictures);
    std::ranges::move(split.signs, std::back_inserter(signs));
    if (!split.note.empty()) notes.push_back(split.note);
    newest_ns = std::max(newest_ns, split.newest_ns);
  }
  return memory.keep(key, std::move(splits), signs, notes, newest_ns, files.front().string());
}

}  // namespace

Splits open_coco(const fs::path& file, std::shared_ptr<SetMemory> memory) {
  if (!memory) memory = std::make_shared<SetMemory>(fs::path(), Opening());
  const fs::path other = validation_file(file);
  Splits splits;
  splits.name = file.stem().string();
  if (splits.name == "_annotations.coco") {
    const fs::path folder = fs::absolute(file).lexically_normal().parent_path();
    splits.name = (other.empty() ? folder : folder.parent_path()).filename().string();
  }
  std::vector<fs::path> files{file};
  if (!other.empty()) files.push_back(other);
  std::string key = "coco";
  for (const fs::path& path : files) key += "\n" + fs::absolute(path).lexically_normal().string();
  std::shared_ptr<const SetIndex> index = memory->find(key);
  if (!index) index = read_splits(files, key, *memory);
  const auto cache = std::make_shared<ImageCache>();
  splits.notes = index->notes;
  splits.train = detection_set(index, 0, cache, memory, key);
  splits.same_images = files.size() == 1;
  splits.test = splits.same_images ? splits.train : detection_set(index, 1, cache, memory, key);
  return splits;
}

fs::path coco_file_of(const fs::path& folder) {
  std::vector<fs::path> instances, others;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder / "annotations", ignored)) {
    if (!is_json(entry.path())) continue;
    const std::string name = entry.path().filename().string();
    if (name.starts_with("instances_train")) return entry.path();
    (name.starts_with("instances_") ? instances : others).push_back(entry.path());
  }
  for (std::vector<fs::path>* files : {&instances, &others}) {
    const auto train = std::ranges::find_if(
        *files, [](const fs::path& path) { return path.filename().string().find("train") != std::string::npos; });
    if (train != files->end()) return *train;
    if (files->size() == 1) return files->front();
  }
  const fs::path train = folder_of_split(folder, "train");
  if (const fs::path found = train.empty() ? fs::path() : annotations_in(train); !found.empty()) return found;
  return fs::is_regular_file(folder / "_annotations.coco.json") ? folder / "_annotations.coco.json" : fs::path();
}

}  // namespace quench::data
