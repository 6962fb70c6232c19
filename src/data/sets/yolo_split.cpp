#include "data/sets/yolo_split.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <numeric>
#include <optional>
#include <set>
#include <unordered_set>
#include <utility>

#include "core/error.h"
#include "core/file.h"
#include "core/text.h"
#include "core/text_encoding.h"
#include "data/index/listing.h"
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
void find_orphans(const fs::path& folder, const std::vector<std::string>& images, ImageList& list) {
  const fs::path labels = yolo_label_path(folder / "x.png").parent_path();
  if (labels == folder) return;
  if (!fs::is_directory(labels)) {
    list.signs.push_back(sign_of(fs::absolute(labels)));
    return;
  }
  std::unordered_set<std::string> expected;
  for (const std::string& image : images) expected.insert(yolo_label_path(image).string());
  Listing listing = list_below(labels);
  std::ranges::move(listing.folders, std::back_inserter(list.signs));
  for (const std::string& name : listing.files) {
    const fs::path file = labels / name;
    if (!is_text(file) || expected.contains(file.string()) || file.filename() == "classes.txt") continue;
    list.issues.push_back({file.string(), 0, "no image for this label file: left out", "image"});
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
  list.signs.push_back(sign_of(fs::absolute(file)));
  const std::string text = decoded_text(read_file(file));
  std::vector<fs::path> places{file.parent_path()};
  places.insert(places.end(), bases.begin(), bases.end());
  places.push_back(fs::current_path());
  FileFinder finder(places);
  ListFailure failure{0, "", finder.places_text(), ""};
  const size_t before = list.images.size();
  std::set<fs::path> missed;  // folders where a file was looked for
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
      for (const fs::path& place : finder.places()) missed.insert((fs::absolute(place) / name).parent_path());
      const std::string problem = fmt::format("{} is no file: left out (looked in {})", name, finder.places_text());
      list.issues.push_back({file.string(), line, problem, "image"});
    } else if (!is_image(found)) {
      list.issues.push_back({file.string(), line, "expected a png, jpg, bmp, webp or tif image: left out", "image"});
    } else {
      list.images.push_back(found.string());
    }
  }
  missed.erase(fs::current_path());  // which changes all the time
  for (const fs::path& folder : missed) list.signs.push_back(sign_of(folder));
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

/// A picture and its label file, as they were read.
struct Read {
  ImageSize size = {};
  std::string problem;  ///< why the picture is left out
  bool has_labels = false;
  YoloLabels labels;
  FileStamp picture_stamp, label_stamp;
};

Read read_picture(const fs::path& path, int64_t class_count) {
  Read out;
  out.picture_stamp = stamp_of({path});
  try {
    out.size = image_size(path);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::data) throw;
    out.problem = fmt::format("the image does not decode: left out ({})", error.what());
    return out;
  }
  const fs::path label_file = yolo_label_path(path);
  out.label_stamp = stamp_of({label_file});
  if (!out.label_stamp.text.empty() && fs::is_regular_file(label_file)) {
    out.has_labels = true;
    out.labels = parse_yolo_labels(decoded_text(read_file(label_file)), label_file.string(),
                                   class_count ? class_count : kMostClasses, out.size.height, out.size.width);
  }
  return out;
}

}  // namespace

fs::path yolo_label_path(const fs::path& image) {
  static const std::string kImages = "/images/", kLabels = "/labels/";
  std::string text = image.generic_string();
  if (const size_t at = text.rfind(kImages); at != std::string::npos) text.replace(at, kImages.size(), kLabels);
  return fs::path(text).replace_extension(".txt");
}

ImageList list_images(const std::vector<fs::path>& sources, const std::vector<fs::path>& bases, SetMemory* memory) {
  ImageList list;
  std::optional<ListFailure> failure;
  for (const fs::path& source : sources) {
    if (fs::is_directory(source)) {
      std::vector<std::string> found;
      if (memory) memory->show("listing " + source.string());
      Listing listing = list_below(source);
      std::ranges::move(listing.folders, std::back_inserter(list.signs));
      const std::string below = source.has_filename() ? source.string() + "/" : source.string();
      for (const std::string& name : listing.files) {
        std::string path = below + name;
        if (is_image(path)) {
          found.push_back(std::move(path));
          continue;
        }
        if (is_other_image(path)) {
          list.issues.push_back({std::move(path), 0, "a kind of image that is not read: left out", "image"});
        }
      }
      find_orphans(source, found, list);
      std::ranges::move(found, std::back_inserter(list.images));
    } else if (fs::is_regular_file(source) && is_text(source)) {
      failure = read_list(source, bases, list);
    } else {
      fail(fs::exists(source) ? ErrorKind::data : ErrorKind::io,
           "[data.yolo] expected a folder of images or a .txt that lists them, got {} ({})",
           fs::exists(source) ? "another file" : "nothing", source.string());
    }
  }
  std::ranges::sort(list.images, path_before);
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

YoloSplit read_yolo_split(const ImageList& list, int64_t class_count, SetMemory& memory) {
  constexpr size_t kAtOnce = 4096;
  YoloSplit out;
  out.issues = list.issues;
  int64_t label_files = 0;
  std::vector<int64_t> numbers;
  for (size_t first = 0; first < list.images.size(); first += kAtOnce) {
    std::vector<Read> chunk(std::min(kAtOnce, list.images.size() - first));
    for_many(static_cast<int64_t>(chunk.size()), memory.opening().cancel, [&](int64_t i) {
      const auto at = static_cast<size_t>(i);
      chunk[at] = read_picture(list.images[first + at], class_count);
    });
    for (size_t i = 0; i < chunk.size(); ++i) {
      const fs::path path = list.images[first + i];
      Read& read = chunk[i];
      out.newest_ns = std::max({out.newest_ns, read.picture_stamp.newest_ns, read.label_stamp.newest_ns});
      if (!read.problem.empty()) {
        out.issues.push_back({path.string(), 0, std::move(read.problem), "image"});
        out.signs.push_back({fs::absolute(path), read.picture_stamp});
        continue;
      }
      label_files += read.has_labels;
      out.pictures.add(path);
      out.pictures.describe(
          {0, "", read.size.height, read.size.width, stamp_number(read.picture_stamp), stamp_number(read.label_stamp)});
      numbers.push_back(number_in_name(path));
      for (const Object& object : read.labels.objects) {
        out.pictures.add_object(out.pictures.size() - 1, object);
        out.highest_label = std::max(out.highest_label, object.label);
      }
      std::ranges::move(read.labels.issues, std::back_inserter(out.issues));
    }
    memory.show(fmt::format("reading labels: {} of {} pictures", out.pictures.size(), list.images.size()));
  }
  if (out.pictures.size() > 0 && label_files == 0) {
    const auto left_out = [&](const std::string& path) {
      return std::ranges::any_of(out.signs, [&](const Sign& sign) { return sign.path == fs::absolute(path); });
    };
    const auto first = std::ranges::find_if_not(list.images, left_out);
    fail(ErrorKind::data, "[data.yolo] expected label files, got none for {} images (looked for {})",
         out.pictures.size(), yolo_label_path(*first).string());
  }
  const std::set<int64_t> different(numbers.begin(), numbers.end());
  const bool by_name = different.size() == numbers.size() && !numbers.empty() && *different.begin() >= 0;
  if (!by_name) std::iota(numbers.begin(), numbers.end(), int64_t{0});
  out.pictures.set_ids(std::move(numbers));
  return out;
}

}  // namespace quench::data
