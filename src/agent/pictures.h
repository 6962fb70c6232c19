#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/log.h"
#include "core/tensor.h"

namespace quench::agent {

/// One picture of a source, not yet decoded where it comes from a file.
struct Picture {
  std::string name;                ///< below the folder ("a/b.jpg"), the file's name, in the archive, "camera0"
  std::filesystem::path file;      ///< empty: in an archive, or of a camera
  int64_t frame = -1;              ///< of a camera, from 0; -1: a file
  int64_t capture_ns = -1;         ///< how long the camera was waited for; -1: a file
  std::function<Tensor()> decode;  ///< reads and decodes it: [h,w,3] uint8 RGB. Throws Error{data} or Error{io}
};

/// Pictures one after another.
class PictureSource {
 public:
  virtual ~PictureSource() = default;
  virtual std::optional<Picture> next() = 0;
  /// How many there are; -1: without end.
  virtual int64_t count() const = 0;
};

/// What a camera is asked for.
struct CameraWish {
  int width = 640, height = 480;
};

/// sources: JPEG, PNG and PPM files (by name), folders (those of the folders below too, by path, without hidden ones),
/// lists (.txt, a path a line, from the list's folder), tar archives without compression; or alone a camera
/// (/dev/video0, or its number where no file has that name). Throws Error{config} for what is not there, Error{data}
/// for what is damaged or holds no picture, Error{io}, and Error{unsupported} for a camera that gives neither MJPEG nor
/// YUYV. Pictures of other kinds in folders and archives are left out with a warning to `log`.
std::unique_ptr<PictureSource> open_pictures(const std::vector<std::string>& sources, const CameraWish& camera,
                                             const LogSink& log);

}  // namespace quench::agent
