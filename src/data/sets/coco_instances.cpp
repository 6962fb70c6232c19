#include "data/sets/coco_instances.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <unordered_map>
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

/// Folders that may have the images of a file, in order.
std::vector<fs::path> image_places(const fs::path& file) {
  const fs::path here = fs::absolute(file).lexically_normal().parent_path(), above = here.parent_path();
  const std::string stem = file.stem().string();
  const std::string split = stem.substr(stem.rfind('_') + 1);  // npos + 1 is 0
  std::vector<fs::path> places{here, here / "images", above / "images" / split, above / split, above / "images"};
  std::vector<fs::path> others;
  std::error_code ignored;  // no such folder: no others
  for (const auto& entry : fs::directory_iterator(above / "images", ignored)) {
    if (entry.is_directory(ignored) && !is_hidden(entry.path())) others.push_back(entry.path());
  }
  std::sort(others.begin(), others.end());
  places.insert(places.end(), others.begin(), others.end());
  places.push_back(above);  // names from the data set's root on
  places.push_back(above.parent_path());
  places.push_back(fs::current_path());
  return places;
}

class SplitReader {
 public:
  SplitReader(const fs::path& file, CocoJson json)
      : file_(file), json_(std::move(json)), finder_(image_places(file), Tails::of_all) {}

  DetectionFiles read() {
    read_images();
    std::unordered_map<int64_t, int32_t> classes;
    for (const CocoCategory& category : json_.categories) {
      classes.emplace(category.id, static_cast<int32_t>(classes.size()));
      out_.classes.push_back(category.name);
      out_.category_ids.push_back(category.id);
    }
    for (size_t i = 0; i < json_.annotations.size(); ++i) read_annotation(json_.annotations[i], i, classes);
    for (const CocoImage& image : json_.images) {
      const auto lost = left_out_.find(image.id);
      if (lost == left_out_.end()) continue;
      issue(fmt::format("image {} ({}) {}: left out, and {} objects", image.id, image.file_name, lost->second.reason,
                        lost->second.objects),
            "image");
      left_out_.erase(lost);
    }
    return std::move(out_);
  }

  /// Where images were found elsewhere than the file says; else empty.
  std::string note() const {
    return finder_.note().empty() ? "" : fmt::format("{}: {}", file_.string(), finder_.note());
  }

 private:
  struct LeftOut {
    std::string reason;
    int64_t objects = 0;
  };

  void issue(std::string problem, std::string kind) {
    out_.issues.push_back({file_.string(), 0, std::move(problem), std::move(kind)});
  }

  void read_images() {
    bool any_file = json_.images.empty();
    for (const CocoImage& image : json_.images) {
      if (by_id_.contains(image.id) || left_out_.contains(image.id)) {
        issue(fmt::format("image {} ({}) has the id of an earlier one: left out", image.id, image.file_name), "image");
        continue;
      }
      const fs::path path = finder_.find(image.file_name);
      any_file = any_file || !path.empty();
      if (path.empty()) {
        left_out_[image.id] = {"is missing", 0};
        continue;
      }
      ImageSize size;
      try {
        size = image_size(path);
      } catch (const Error& error) {
        if (error.kind() != ErrorKind::data) throw;
        left_out_[image.id] = {"does not decode", 0};
        continue;
      }
      const bool said = image.height > 0 && image.width > 0;
      if (said && (image.height != size.height || image.width != size.width)) {
        issue(fmt::format("image {} ({}) is {}x{}, not {}x{}: boxes are taken as its pixels", image.id, image.file_name,
                          size.width, size.height, image.width, image.height),
              "image_size");
      }
      by_id_.emplace(image.id, out_.images.size());
      out_.images.push_back({path, {image.id, image.file_name, size.height, size.width}, {}});
    }
    if (any_file) return;
    fail(ErrorKind::io, "[data.coco] expected {} images as {} says, got none, such as {} (looked in {})",
         json_.images.size(), file_.string(), json_.images.front().file_name, finder_.places_text());
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
    DetectionImage& owner = out_.images[image->second];
    const auto& [x, y, width, height] = *annotation.box;
    if (!(width > 0 && height > 0)) {
      return issue(fmt::format("{}: expected a width and height above 0, got {} and {}: left out", name, width, height),
                   "size");
    }
    Box box{x, y, x + width, y + height};
    const auto right = static_cast<double>(owner.info.width), bottom = static_cast<double>(owner.info.height);
    const double over = std::max({-box.x1, -box.y1, box.x2 - right, box.y2 - bottom});
    if (over > kRounding) {
      box = {std::clamp(box.x1, 0.0, right), std::clamp(box.y1, 0.0, bottom), std::clamp(box.x2, 0.0, right),
             std::clamp(box.y2, 0.0, bottom)};
      if (box.area() <= 0) return issue(name + ": nothing of the box is inside the image: left out", "outside");
      issue(fmt::format("{}: the box reaches {:.1f} pixels beyond the image's border: clipped", name, over), "clipped");
    }
    const double area = annotation.area && *annotation.area > 0 ? *annotation.area : box.area();
    owner.objects.push_back({box, label->second, annotation.crowd, area});
  }

  fs::path file_;
  CocoJson json_;
  FileFinder finder_;
  DetectionFiles out_;
  std::unordered_map<int64_t, size_t> by_id_;
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

}  // namespace

Splits open_coco(const fs::path& file, const std::shared_ptr<FileDigests>& digests) {
  const auto cache = std::make_shared<ImageCache>();
  CocoJson train = read_coco_json(file);
  const fs::path other = validation_file(file);
  Splits splits;
  splits.name = file.stem().string();
  if (splits.name == "_annotations.coco") {
    const fs::path folder = fs::absolute(file).lexically_normal().parent_path();
    splits.name = (other.empty() ? folder : folder.parent_path()).filename().string();
  }
  const auto read = [&](const fs::path& path, CocoJson json) {
    SplitReader reader(path, std::move(json));
    DetectionFiles files = reader.read();
    if (!reader.note().empty()) splits.notes.push_back(reader.note());
    return detection_set(std::move(files), cache, digests);
  };
  if (!other.empty()) {
    CocoJson test = read_coco_json(other);
    if (test.categories != train.categories) {
      fail(ErrorKind::data, "[data.coco] expected the same categories in both splits, got others in {} than in {}",
           other.string(), file.string());
    }
    splits.test = read(other, std::move(test));
  }
  splits.train = read(file, std::move(train));
  splits.same_images = !splits.test;
  if (!splits.test) splits.test = splits.train;
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
