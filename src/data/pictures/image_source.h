#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/tensor.h"

namespace quench::data {

/// One image of a source.
struct SourceImage {
  std::string name;    ///< below the folder for a folder ("a/b.jpg"); the file's name; "camera0"
  int64_t frame = -1;  ///< of a video or camera, from 0; -1: an image
  Tensor pixels;       ///< [h,w,3] uint8 RGB
};

/// Images one after another, from wherever they come.
class ImageSource {
 public:
  enum class Kind { images, video, camera };

  virtual ~ImageSource() = default;
  virtual Kind kind() const = 0;
  /// The next one; nothing at the end. Throws Error{data} or Error{io} for an image that cannot be read; the call after
  /// gives what comes next.
  virtual std::optional<SourceImage> next() = 0;
  /// How many there are, as far as it is known; -1: not.
  virtual int64_t count() const = 0;
  /// Of a video or camera, as it says itself.
  virtual double frames_per_second() const { return 0; }
  /// Files that are read.
  virtual std::vector<std::filesystem::path> files() const = 0;
  /// Images of a kind that is not read, beside those that are.
  virtual std::vector<std::filesystem::path> left_out() const { return {}; }
  /// The name (as SourceImage has it) of each image of a source of images, in order; empty for a video or camera.
  virtual std::vector<std::string> names() const { return {}; }
};

/// source: an image, a folder (its images and those of the folders below it, by path; `except` left out), a pattern
/// (`frames/*.jpg`), a .txt that lists images, a video file, the address of a stream (`rtsp://...`), or the number of a
/// camera (where no file has that name). Throws Error{config} for a source that is not there,
/// Error{data} for one without images, and what VideoReader throws.
std::unique_ptr<ImageSource> open_source(const std::string& source, const std::filesystem::path& except = {});

/// The same of several sources of images, each image once, in the order of the sources; names are below the folder that
/// all lie in. Videos, streams and cameras stand alone.
std::unique_ptr<ImageSource> open_sources(const std::vector<std::string>& sources,
                                          const std::filesystem::path& except = {});

}  // namespace quench::data
