#include "data/pictures/video.h"

#include <opencv2/core/utils/logger.hpp>
#include <opencv2/imgproc.hpp>
#include <opencv2/videoio.hpp>
#include <vector>

#include "core/error.h"
#include "core/file.h"
#include "core/text.h"

namespace quench::data {
namespace {

namespace fs = std::filesystem;

/// OpenCV's warnings about backends that do not open would stand between our own lines.
class Quiet {
 public:
  Quiet() : before_(cv::utils::logging::setLogLevel(cv::utils::logging::LOG_LEVEL_SILENT)) {}
  ~Quiet() { cv::utils::logging::setLogLevel(before_); }

 private:
  cv::utils::logging::LogLevel before_;
};

struct Codec {
  const char* extension;
  const char* name;  ///< four characters
  int backend;
};
constexpr Codec kCodecs[] = {
    {".mp4", "avc1", cv::CAP_FFMPEG}, {".mp4", "mp4v", cv::CAP_FFMPEG}, {".avi", "MJPG", cv::CAP_OPENCV_MJPEG}};

Tensor to_tensor(const cv::Mat& frame) {
  cv::Mat bgr = frame;
  if (frame.channels() == 1) cv::cvtColor(frame, bgr, cv::COLOR_GRAY2BGR);
  if (bgr.channels() != 3 || bgr.depth() != CV_8U) {
    fail(ErrorKind::data, "[data.video] expected frames of 3 channels of 8 bits, got type {}", frame.type());
  }
  Tensor pixels(DType::u8, {bgr.rows, bgr.cols, 3});
  cv::Mat rgb(bgr.rows, bgr.cols, CV_8UC3, pixels.mutable_bytes());
  cv::cvtColor(bgr, rgb, cv::COLOR_BGR2RGB);
  return pixels;
}

}  // namespace

VideoSupport video_support() { return {true, ""}; }

struct VideoReader::State {
  cv::VideoCapture capture;
  bool camera = false;
};

VideoReader::VideoReader(const fs::path& file) : state_(std::make_unique<State>()) {
  std::error_code ignored;
  if (!fs::exists(file, ignored)) fail(ErrorKind::io, "[data.video] expected a video, got nothing ({})", file.string());
  if (!fs::is_regular_file(file, ignored)) {  // a pipe would be waited for without end
    fail(ErrorKind::io, "[data.video] expected a file, got a pipe or device ({})", file.string());
  }
  const Quiet quiet;
  bool opened = false;
  try {  // FFmpeg first: it knows most formats, and starts sooner than GStreamer
    opened = state_->capture.open(file.string(), cv::CAP_FFMPEG) || state_->capture.open(file.string(), cv::CAP_ANY);
  } catch (const cv::Exception&) {  // a damaged header
  }
  if (!opened) {
    fail(ErrorKind::data, "[data.video] expected an image or a video that OpenCV can read ({})", file.string());
  }
}

VideoReader::VideoReader(const std::string& address) : state_(std::make_unique<State>()) {
  state_->camera = true;
  const Quiet quiet;
  bool opened = false;
  try {
    opened = state_->capture.open(address, cv::CAP_FFMPEG) || state_->capture.open(address, cv::CAP_ANY);
  } catch (const cv::Exception&) {
  }
  if (!opened) fail(ErrorKind::io, "[data.video] expected a stream that opens, got none ({})", address);
}

VideoReader::VideoReader(int camera) : state_(std::make_unique<State>()) {
  state_->camera = true;
  const Quiet quiet;
  if (!state_->capture.open(camera)) {
    fail(ErrorKind::io, "[data.video] camera {} does not open: is it there, and may this user read /dev/video{}?",
         camera, camera);
  }
}

VideoReader::~VideoReader() = default;

std::optional<Tensor> VideoReader::next() {
  cv::Mat frame;
  const Quiet quiet;
  try {
    if (!state_->capture.read(frame) || frame.empty()) return std::nullopt;
  } catch (const cv::Exception& error) {
    fail(ErrorKind::data, "[data.video] a frame does not decode: {}", error.err);
  }
  return to_tensor(frame);
}

double VideoReader::frames_per_second() const {
  constexpr double kUsual = 25, kMost = 1000;
  const double value = state_->capture.get(cv::CAP_PROP_FPS);
  return value > 0 && value <= kMost ? value : kUsual;  // NaN too
}

int64_t VideoReader::frames() const {
  const double value = state_->camera ? 0 : state_->capture.get(cv::CAP_PROP_FRAME_COUNT);
  return value >= 1 && value < 1e15 ? static_cast<int64_t>(value) : -1;
}

struct VideoWriter::State {
  cv::VideoWriter writer;
  fs::path path;
  fs::path partial;  ///< what is written until finish()
  int height = 0;
  int width = 0;

  bool open(const fs::path& wanted, const Codec& codec, double frames_per_second) {
    path = wanted;
    if (lower(path.extension().string()) != codec.extension) path += codec.extension;
    partial = path.parent_path() / (".partial-" + path.filename().string());
    const char* name = codec.name;
    const Quiet quiet;
    return writer.open(partial.string(), codec.backend, cv::VideoWriter::fourcc(name[0], name[1], name[2], name[3]),
                       frames_per_second, cv::Size(width, height));
  }
  void drop() {
    writer.release();
    std::error_code ignored;
    fs::remove(partial, ignored);
  }
};

VideoWriter::VideoWriter(const fs::path& path, double frames_per_second, int height, int width)
    : state_(std::make_unique<State>()) {
  ensure(height > 0 && width > 0, "[data.video] expected frames of 1x1 or more, got {}x{}", height, width);
  state_->height = height;
  state_->width = width;
  require_writable(path.has_parent_path() ? path.parent_path() : fs::path("."));
  const std::string extension = lower(path.extension().string());
  const bool any = extension != ".mp4" && extension != ".avi";
  std::string tried;
  for (const Codec& codec : kCodecs) {
    if (!any && extension != codec.extension) continue;
    if (state_->open(path, codec, frames_per_second)) return;
    state_->drop();
    tried += std::string(tried.empty() ? "" : ", ") + codec.name;
  }
  fail(ErrorKind::unsupported, "[data.video] OpenCV has no encoder for {}x{} video here: tried {} ({})", height, width,
       tried, path.string());
}

VideoWriter::~VideoWriter() {
  if (state_ && !state_->partial.empty()) state_->drop();
}

void VideoWriter::add(const Tensor& pixels) {
  if (pixels.dtype() != DType::u8 || pixels.shape() != Shape{state_->height, state_->width, 3}) {
    fail(ErrorKind::data, "[data.video] expected uint8 frames [{},{},3], got {} {} ({})", state_->height, state_->width,
         to_string(pixels.dtype()), to_string(pixels.shape()), state_->path.string());
  }
  const cv::Mat rgb(state_->height, state_->width, CV_8UC3, const_cast<uint8_t*>(pixels.values<uint8_t>().data()));
  cv::Mat bgr;
  cv::cvtColor(rgb, bgr, cv::COLOR_RGB2BGR);
  state_->writer.write(bgr);
}

void VideoWriter::finish() {
  state_->writer.release();
  std::error_code code;
  fs::rename(state_->partial, state_->path, code);
  if (code) fail(ErrorKind::io, "[data.video] cannot write {}: {}", state_->path.string(), code.message());
  state_->partial.clear();
}

const fs::path& VideoWriter::path() const { return state_->path; }

}  // namespace quench::data
