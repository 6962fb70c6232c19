#include "data/pictures/image_source.h"

#include <algorithm>

#include "core/error.h"
#include "data/pictures/image_file.h"
#include "data/pictures/video.h"
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

}  // namespace

std::unique_ptr<ImageSource> open_source(const std::string& source, const fs::path& except) {
  const fs::path path = source;
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) {
    std::vector<fs::path> others, files = list_images(path, except, &others);
    if (files.empty()) {
      const std::string other = others.empty() ? "" : fmt::format(" but {}", others.front().filename().string());
      fail(ErrorKind::data, "[data.source] expected png, jpg, bmp, webp or tif images, got none{} ({})", other, source);
    }
    return std::make_unique<Images>(path, std::move(files), std::move(others));
  }
  if (fs::exists(path, ignored)) {
    if (is_image(path)) return std::make_unique<Images>(path.parent_path(), std::vector{path});
    return std::make_unique<Frames>(ImageSource::Kind::video, path.filename().string(), std::vector{path},
                                    std::make_unique<VideoReader>(path));
  }
  if (const std::optional<int> camera = camera_number(source)) {
    return std::make_unique<Frames>(ImageSource::Kind::camera, "camera" + source, std::vector<fs::path>{},
                                    std::make_unique<VideoReader>(*camera));
  }
  fail(ErrorKind::config, "[data.source] expected an image, a folder, a video or the number of a camera, got '{}': {}",
       source, "no such file");
}

}  // namespace quench::data
