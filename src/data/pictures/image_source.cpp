#include "data/pictures/image_source.h"

#include <fmt/ranges.h>
#include <glob.h>

#include <algorithm>
#include <set>

#include "core/error.h"
#include "core/file.h"
#include "core/text.h"
#include "core/text_encoding.h"
#include "data/pictures/image_file.h"
#include "data/pictures/video.h"
#include "data/sets/file_finder.h"
#include "data/sets/image_folder.h"

namespace quench::data {
namespace {

namespace fs = std::filesystem;

class Images : public ImageSource {
 public:
  Images(fs::path folder, std::vector<fs::path> files, std::vector<fs::path> left_out = {})
      : folder_(std::move(folder)), files_(std::move(files)), left_out_(std::move(left_out)) {}
  Kind kind() const override { return Kind::images; }
  std::optional<SourceImage> next() override {
    if (at_ == files_.size()) return std::nullopt;
    const fs::path& file = files_[at_++];
    return SourceImage{name_of(file), -1, read_image(file)};
  }
  int64_t count() const override { return static_cast<int64_t>(files_.size()); }
  std::vector<fs::path> files() const override { return files_; }
  std::vector<fs::path> left_out() const override { return left_out_; }
  std::vector<std::string> names() const override {
    std::vector<std::string> names;
    for (const fs::path& file : files_) names.push_back(name_of(file));
    return names;
  }

 private:
  std::string name_of(const fs::path& file) const { return file.lexically_relative(folder_).generic_string(); }

  fs::path folder_;
  std::vector<fs::path> files_, left_out_;
  size_t at_ = 0;
};

class Frames : public ImageSource {
 public:
  Frames(Kind kind, std::string name, std::vector<fs::path> files, std::unique_ptr<VideoReader> reader)
      : kind_(kind), name_(std::move(name)), files_(std::move(files)), reader_(std::move(reader)) {}
  Kind kind() const override { return kind_; }
  std::optional<SourceImage> next() override {
    std::optional<Tensor> pixels = reader_->next();
    if (!pixels) return std::nullopt;
    return SourceImage{name_, frame_++, std::move(*pixels)};
  }
  int64_t count() const override { return reader_->frames(); }
  double frames_per_second() const override { return reader_->frames_per_second(); }
  std::vector<fs::path> files() const override { return files_; }

 private:
  Kind kind_;
  std::string name_;
  std::vector<fs::path> files_;
  std::unique_ptr<VideoReader> reader_;
  int64_t frame_ = 0;
};

/// The number that the text is: up to three digits and nothing else.
std::optional<int> camera_number(const std::string& text) {
  const bool digits = std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
  if (text.empty() || text.size() > 3 || !digits) return std::nullopt;
  return std::stoi(text);
}

bool is_stream(const std::string& source) {
  return source.find("://") != std::string::npos && source.find("://") < 10 && !source.starts_with("file://");
}

/// The files that a pattern (`frames/*.jpg`) names, sorted.
std::vector<fs::path> files_of_pattern(const std::string& pattern) {
  std::vector<fs::path> files;
  glob_t found{};
  if (::glob(pattern.c_str(), GLOB_TILDE | GLOB_BRACE, nullptr, &found) == 0) {
    files.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  }
  ::globfree(&found);
  return files;
}

/// The images that a text file lists, a line each, relative to the file or to where the program runs.
std::vector<fs::path> files_of_list(const fs::path& list) {
  FileFinder finder({list.parent_path(), fs::current_path()});
  std::vector<fs::path> files;
  for (std::string& line : split_text(decoded_text(read_file(list)), '\n')) {
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ' || line.back() == '\t')) line.pop_back();
    if (line.empty()) continue;
    const fs::path found = finder.find(line);
    if (found.empty()) {
      fail(ErrorKind::io, "[data.source] expected an image a line, got {}, which is no file (looked in {}; from {})",
           line, finder.places_text(), list.string());
    }
    files.push_back(found);
  }
  if (files.empty()) fail(ErrorKind::data, "[data.source] expected an image a line, got none ({})", list.string());
  return files;
}

/// The folder that all files lie below.
fs::path common_folder(const std::vector<fs::path>& files) {
  fs::path common = fs::absolute(files.front()).lexically_normal().parent_path();
  for (const fs::path& file : files) {
    const fs::path folder = fs::absolute(file).lexically_normal().parent_path();
    fs::path shared;
    for (auto a = common.begin(), b = folder.begin(); a != common.end() && b != folder.end() && *a == *b; ++a, ++b) {
      shared /= *a;
    }
    common = shared;
  }
  return common;
}

/// Images of several sources: files, folders, patterns and lists of them.
struct Gathered {
  std::vector<fs::path> files, others;

  void add(const std::string& source, const fs::path& except) {
    const fs::path path = source;
    std::error_code ignored;
    if (fs::is_directory(path, ignored)) {
      for (fs::path& file : list_images(path, except, &others)) files.push_back(std::move(file));
    } else if (fs::is_regular_file(path, ignored)) {
      if (lower(path.extension().string()) == ".txt") {
        for (const fs::path& file : files_of_list(path)) add_file(file);
      } else {
        add_file(path);
      }
    } else {
      const std::vector<fs::path> found = files_of_pattern(source);
      if (found.empty()) {
        fail(ErrorKind::config,
             "[data.source] expected an image, a folder, a pattern or a list (.txt) of them, a video, the address of a "
             "stream or the number of a camera, got '{}': no such file",
             source);
      }
      for (const fs::path& file : found) fs::is_directory(file, ignored) ? add(file.string(), except) : add_file(file);
    }
  }

  void add_file(const fs::path& file) {
    if (is_image(file)) {
      files.push_back(file);
    } else {
      others.push_back(file);
    }
  }
};

std::unique_ptr<ImageSource> images_of(const std::vector<std::string>& sources, const fs::path& except) {
  Gathered gathered;
  for (const std::string& source : sources) gathered.add(source, except);
  std::vector<fs::path> once;
  std::set<fs::path> seen;
  for (const fs::path& file : gathered.files) {
    fs::path plain = fs::absolute(file).lexically_normal();
    if (seen.insert(plain).second) once.push_back(std::move(plain));
  }
  if (once.empty()) {
    const std::string other =
        gathered.others.empty() ? "" : fmt::format(" but {}", gathered.others.front().filename().string());
    fail(ErrorKind::data, "[data.source] expected png, jpg, bmp, webp or tif images, got none{} ({})", other,
         fmt::join(sources, ", "));
  }
  const bool folder = sources.size() == 1 && fs::is_directory(sources[0]);
  const fs::path root = folder ? fs::absolute(sources[0]).lexically_normal() : common_folder(once);
  return std::make_unique<Images>(root, std::move(once), std::move(gathered.others));
}

/// Where sources are one video, stream or camera: that; else null.
std::unique_ptr<ImageSource> frames_of(const std::string& source) {
  const fs::path path = source;
  std::error_code ignored;
  if (is_stream(source)) {
    return std::make_unique<Frames>(ImageSource::Kind::camera, "stream", std::vector<fs::path>{},
                                    std::make_unique<VideoReader>(source));
  }
  if (fs::exists(path, ignored)) {
    const bool list = lower(path.extension().string()) == ".txt";
    if (fs::is_directory(path, ignored) || is_image(path) || list) return nullptr;
    return std::make_unique<Frames>(ImageSource::Kind::video, path.filename().string(), std::vector{path},
                                    std::make_unique<VideoReader>(path));
  }
  const std::optional<int> camera = camera_number(source);
  if (!camera) return nullptr;
  return std::make_unique<Frames>(ImageSource::Kind::camera, "camera" + source, std::vector<fs::path>{},
                                  std::make_unique<VideoReader>(*camera));
}

}  // namespace

std::unique_ptr<ImageSource> open_source(const std::string& source, const fs::path& except) {
  return open_sources({source}, except);
}

std::unique_ptr<ImageSource> open_sources(const std::vector<std::string>& sources, const fs::path& except) {
  if (sources.size() == 1) {
    if (std::unique_ptr<ImageSource> frames = frames_of(sources[0])) return frames;
  }
  return images_of(sources, except);
}

}  // namespace quench::data
