#include "data/sets/yolo_split.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>
#include <unordered_set>
#include <utility>

#include "core/error.h"
#include "core/file.h"
#include "core/text.h"
#include "core/text_encoding.h"
#include "data/labels/yolo_labels.h"
#include "data/pictures/image_size.h"
#include "data/sets/file_finder.h"
#include "data/sets/image_folder.h"
#include "data/sets/yolo_folder.h"

namespace quench::data {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMostClasses = 10000;  // where no names say how many there are

bool is_text(const fs::path& path) { return lower(path.extension().string()) == ".txt"; }

/// Label files below the labels of `folder` that have no image. Where labels lie beside the images, texts may be
/// anything.
void find_orphans(const fs::path& folder, const std::vector<fs::path>& images, std::vector<LabelIssue>& issues) {
  const fs::path labels = yolo_label_path(folder / "x.png").parent_path();
  if (labels == folder || !fs::is_directory(labels)) return;
  std::unordered_set<std::string> expected;
  for (const fs::path& image : images) expected.insert(yolo_label_path(image).string());
  for (const fs::path& file : files_below(labels)) {
    if (!is_text(file) || expected.contains(file.string()) || file.filename() == "classes.txt") continue;
    issues.push_back({file.string(), 0, "no image for this label file: left out", "image"});
  }
}

/// Why a list gives no image: its first line, and where that was looked for.
struct ListFailure {
  int64_t lines = 0;
  std::string first;
  std::string places;
  std::string hint;
};

/// Adds the images of the list's lines; says why where none of them is one.
std::optional<ListFailure> read_list(const fs::path& file, const std::vector<fs::path>& bases, ImageList& list) {
  const std::string text = decoded_text(read_file(file));
  std::vector<fs::path> places{file.parent_path()};
  places.insert(places.end(), bases.begin(), bases.end());
  places.push_back(fs::current_path());
  FileFinder finder(places);
  ListFailure failure{0, "", finder.places_text(), ""};
  const size_t before = list.images.size();
  int64_t line = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    std::string name = text.substr(begin, end - begin);
    begin = end + 1;
    ++line;
    while (!name.empty() && (name.back() == '\r' || name.back() == ' ' || name.back() == '\t')) name.pop_back();
    if (name.empty()) continue;
    if (failure.lines++ == 0) failure.first = name;
    const fs::path found = finder.find(name);
    if (found.empty()) {
      const std::string problem = fmt::format("{} is no file: left out (looked in {})", name, finder.places_text());
      list.issues.push_back({file.string(), line, problem, "image"});
    } else if (!is_image(found)) {
      list.issues.push_back({file.string(), line, "expected a png, jpg, bmp, webp or tif image: left out", "image"});
    } else {
      list.images.push_back(found);
    }
  }
  if (!finder.note().empty()) list.notes.push_back(fmt::format("{}: {}", file.string(), finder.note()));
  if (list.images.size() > before) return std::nullopt;
  if (const std::string tail = finder.tail_of(failure.first); !tail.empty()) {
    failure.hint = fmt::format("; {} is there: are the lines to begin with that?", tail);
  }
  return failure;
}

/// The number that the file's name is, or -1.
int64_t number_in_name(const fs::path& image) {
  const std::string stem = image.stem().string();
  int64_t number = -1;
  const auto [end, code] = std::from_chars(stem.data(), stem.data() + stem.size(), number);
  return code == std::errc() && end == stem.data() + stem.size() ? number : -1;
}

void number_images(std::vector<DetectionImage>& images) {
  std::set<int64_t> numbers;
  for (const DetectionImage& image : images) numbers.insert(number_in_name(image.path));
  const bool by_name = numbers.size() == images.size() && !images.empty() && *numbers.begin() >= 0;
  for (size_t i = 0; i < images.size(); ++i) {
    images[i].info.id = by_name ? number_in_name(images[i].path) : static_cast<int64_t>(i);
  }
}

}  // namespace

fs::path yolo_label_path(const fs::path& image) {
  static const std::string kImages = "/images/", kLabels = "/labels/";
  std::string text = image.generic_string();
  if (const size_t at = text.rfind(kImages); at != std::string::npos) text.replace(at, kImages.size(), kLabels);
  return fs::path(text).replace_extension(".txt");
}

ImageList list_images(const std::vector<fs::path>& sources, const std::vector<fs::path>& bases) {
  ImageList list;
  std::optional<ListFailure> failure;
  for (const fs::path& source : sources) {
    if (fs::is_directory(source)) {
      std::vector<fs::path> found;
      for (const fs::path& path : files_below(source)) {
        if (is_image(path)) found.push_back(path);
        if (is_other_image(path)) {
          list.issues.push_back({path.string(), 0, "a kind of image that is not read: left out", "image"});
        }
      }
      find_orphans(source, found, list.issues);
      list.images.insert(list.images.end(), found.begin(), found.end());
    } else if (fs::is_regular_file(source) && is_text(source)) {
      failure = read_list(source, bases, list);
    } else {
      fail(fs::exists(source) ? ErrorKind::data : ErrorKind::io,
           "[data.yolo] expected a folder of images or a .txt that lists them, got {} ({})",
           fs::exists(source) ? "another file" : "nothing", source.string());
    }
  }
  std::sort(list.images.begin(), list.images.end());
  const auto twice = std::unique(list.images.begin(), list.images.end());
  list.images.erase(twice, list.images.end());
  if (list.images.empty()) {
    std::vector<std::string> places;
    for (const fs::path& source : sources) places.push_back(source.string());
    if (failure && failure->lines > 0) {
      fail(ErrorKind::data, "[data.yolo] none of the {} is an image file; the first: {} (looked in {}{}; from {})",
           counted(failure->lines, "line"), failure->first, failure->places, failure->hint, fmt::join(places, ", "));
    }
    fail(ErrorKind::data, "[data.yolo] expected png, jpg, bmp, webp or tif images, got none ({})",
         fmt::join(places, ", "));
  }
  return list;
}

DetectionFiles read_yolo_split(const ImageList& list, int64_t class_count) {
  DetectionFiles files;
  files.issues = list.issues;
  int64_t label_files = 0;
  for (const fs::path& path : list.images) {
    DetectionImage image{path, {0, path.filename().string(), 0, 0}, {}};
    try {
      const ImageSize size = image_size(path);
      image.info.height = size.height;
      image.info.width = size.width;
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::data) throw;
      files.issues.push_back(
          {path.string(), 0, fmt::format("the image does not decode: left out ({})", error.what()), "image"});
      continue;
    }
    const fs::path label_file = yolo_label_path(path);
    if (fs::is_regular_file(label_file)) {
      ++label_files;
      YoloLabels labels =
          parse_yolo_labels(decoded_text(read_file(label_file)), label_file.string(),
                            class_count ? class_count : kMostClasses, image.info.height, image.info.width);
      image.objects = std::move(labels.objects);
      files.issues.insert(files.issues.end(), labels.issues.begin(), labels.issues.end());
    }
    files.images.push_back(std::move(image));
  }
  if (!files.images.empty() && label_files == 0) {
    fail(ErrorKind::data, "[data.yolo] expected label files, got none for {} images (looked for {})",
         files.images.size(), yolo_label_path(files.images.front().path).string());
  }
  number_images(files.images);
  return files;
}

}  // namespace quench::data
