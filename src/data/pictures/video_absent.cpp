// Takes the place of video.cpp where OpenCV has no videoio.
#include "core/error.h"
#include "data/pictures/video.h"

namespace quench::data {
namespace {

constexpr const char* kReason = "built without OpenCV's videoio: install libopencv-videoio-dev and build again";

[[noreturn]] void refuse(const std::string& what) {
  fail(ErrorKind::unsupported, "[data.video] {}: {}", what, kReason);
}

}  // namespace

VideoSupport video_support() { return {false, kReason}; }

struct VideoReader::State {};
VideoReader::VideoReader(const std::filesystem::path& file) { refuse(file.string()); }
VideoReader::VideoReader(const std::string& address) { refuse(address); }
VideoReader::VideoReader(int camera) { refuse("camera " + std::to_string(camera)); }
VideoReader::~VideoReader() = default;
std::optional<Tensor> VideoReader::next() { return std::nullopt; }
double VideoReader::frames_per_second() const { return 0; }
int64_t VideoReader::frames() const { return -1; }

struct VideoWriter::State {
  std::filesystem::path path;
};
VideoWriter::VideoWriter(const std::filesystem::path& path, double, int, int) { refuse(path.string()); }
VideoWriter::~VideoWriter() = default;
void VideoWriter::add(const Tensor&) {}
void VideoWriter::finish() {}
const std::filesystem::path& VideoWriter::path() const { return state_->path; }

}  // namespace quench::data
