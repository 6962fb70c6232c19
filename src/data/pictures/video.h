#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "core/tensor.h"

namespace quench::data {

/// Whether this build reads and writes videos (OpenCV's videoio), and why not.
struct VideoSupport {
  bool available = false;
  std::string reason;  ///< "built without OpenCV's videoio: ..."
};
VideoSupport video_support();

/// Frames of a video file or of a camera, in order.
class VideoReader {
 public:
  /// Throws Error{io} for a missing file, Error{data} for one that does not open as a video, Error{unsupported} in a
  /// build without videoio; all name the file.
  explicit VideoReader(const std::filesystem::path& file);
  /// Camera 0, 1, ... of this machine. Throws Error{io} where it does not open, Error{unsupported} as above.
  explicit VideoReader(int camera);
  /// A stream of the network, by its address (`rtsp://...`, `http://...`). Throws Error{io} where it does not open,
  /// Error{unsupported} as above.
  explicit VideoReader(const std::string& address);
  ~VideoReader();

  /// The next frame, [h,w,3] uint8 RGB; nothing at the end (or where a camera gives no more).
  std::optional<Tensor> next();
  /// As the file or camera says; 25 where it says nothing sensible.
  double frames_per_second() const;
  /// As the file's header says, which may be wrong; -1: it does not (a camera).
  int64_t frames() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Writes frames of one size into a video file. The file appears when it is whole, at finish(); without finish()
/// nothing stays.
class VideoWriter {
 public:
  /// Codecs by the extension of `path`: mp4 (H.264, else MPEG-4), avi (Motion JPEG, which OpenCV itself brings). Where
  /// it ends otherwise: the first of these that this machine has, and path() has its extension added. H.264 and MPEG-4
  /// drop the last column or row of an odd size. Makes parent folders. Throws Error{unsupported} where no codec opens
  /// or the build has no videoio, Error{io} where the folder cannot be written.
  VideoWriter(const std::filesystem::path& path, double frames_per_second, int height, int width);
  ~VideoWriter();
  VideoWriter(const VideoWriter&) = delete;
  VideoWriter& operator=(const VideoWriter&) = delete;

  /// [height,width,3] uint8 RGB. Throws Error{data} for another size.
  void add(const Tensor& pixels);
  /// Ends the file. Throws Error{io} where it was not written.
  void finish();
  const std::filesystem::path& path() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace quench::data
