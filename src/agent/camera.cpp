#include "agent/camera.h"

#include <fcntl.h>
#include <linux/videodev2.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "core/clock.h"
#include "core/error.h"
#include "picture_files/decode.h"

namespace quench::agent {
namespace {

constexpr int kWait = 10'000;  ///< milliseconds for a frame
constexpr uint32_t kBuffers = 4;

class Camera : public PictureSource {
 public:
  Camera(std::filesystem::path device, const CameraWish& wish) : device_(std::move(device)) {
    descriptor_ = ::open(device_.c_str(), O_RDWR | O_CLOEXEC);
    if (descriptor_ < 0) refuse("cannot open");
    try {
      start(wish);
    } catch (...) {
      stop();
      throw;
    }
  }
  ~Camera() override { stop(); }
  Camera(const Camera&) = delete;
  Camera& operator=(const Camera&) = delete;

  int64_t count() const override { return -1; }

  std::optional<Picture> next() override {
    const int64_t start = now_ns();
    std::optional<v4l2_buffer> first = dequeue();
    if (!first) return std::nullopt;
    v4l2_buffer newest = *first;
    for (pollfd ready{descriptor_, POLLIN, 0}; ::poll(&ready, 1, 0) > 0 && (ready.revents & POLLIN);) {
      const std::optional<v4l2_buffer> newer = dequeue();
      if (!newer) return std::nullopt;
      call(VIDIOC_QBUF, &newest, "cannot give back a frame of");
      newest = *newer;
    }
    const Mapped& mapped = maps_.at(newest.index);
    const std::string bytes(static_cast<const char*>(mapped.start), std::min<size_t>(newest.bytesused, mapped.size));
    call(VIDIOC_QBUF, &newest, "cannot give back a frame of");
    Picture picture;
    picture.name = device_.filename().string();
    picture.frame = frames_++;
    picture.capture_ns = now_ns() - start;
    picture.decode = [this, bytes] {
      if (mjpeg_) return picture_files::decode_picture(bytes, device_.string());
      return from_yuyv(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(), height_, width_, row_bytes_);
    };
    return picture;
  }

 private:
  struct Mapped {
    void* start;
    size_t size;
  };

  [[noreturn]] void refuse(const char* doing) const {
    fail(ErrorKind::io, "[agent.camera] {} {}: {}", doing, device_.string(), std::strerror(errno));
  }
  bool answers(unsigned long request, void* argument) const {
    int code = 0;
    do code = ::ioctl(descriptor_, request, argument);
    while (code < 0 && errno == EINTR);
    return code >= 0;
  }
  void call(unsigned long request, void* argument, const char* doing) const {
    if (!answers(request, argument)) refuse(doing);
  }

  void start(const CameraWish& wish) {
    v4l2_capability can{};
    const bool known = answers(VIDIOC_QUERYCAP, &can);
    const uint32_t caps = can.capabilities & V4L2_CAP_DEVICE_CAPS ? can.device_caps : can.capabilities;
    if (!known || !(caps & V4L2_CAP_VIDEO_CAPTURE) || !(caps & V4L2_CAP_STREAMING)) {
      fail(ErrorKind::unsupported, "[agent.camera] expected a camera that streams, got {}", device_.string());
    }
    choose_format(wish);
    v4l2_requestbuffers request{};
    request.count = kBuffers;
    request.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    request.memory = V4L2_MEMORY_MMAP;
    call(VIDIOC_REQBUFS, &request, "cannot get buffers of");
    for (uint32_t i = 0; i < request.count; ++i) {
      v4l2_buffer buffer = buffer_of(i);
      call(VIDIOC_QUERYBUF, &buffer, "cannot ask for a buffer of");
      void* start = ::mmap(nullptr, buffer.length, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor_, buffer.m.offset);
      if (start == MAP_FAILED) refuse("cannot map a buffer of");
      maps_.push_back({start, buffer.length});
      call(VIDIOC_QBUF, &buffer, "cannot queue a buffer of");
    }
    int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    call(VIDIOC_STREAMON, &type, "cannot start");
  }

  void choose_format(const CameraWish& wish) {
    for (const uint32_t wanted : {V4L2_PIX_FMT_MJPEG, V4L2_PIX_FMT_YUYV}) {
      v4l2_format format{};
      format.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
      format.fmt.pix.width = static_cast<uint32_t>(wish.width);
      format.fmt.pix.height = static_cast<uint32_t>(wish.height);
      format.fmt.pix.pixelformat = wanted;
      format.fmt.pix.field = V4L2_FIELD_ANY;
      if (!answers(VIDIOC_S_FMT, &format) || format.fmt.pix.pixelformat != wanted) continue;  // drivers may choose
      mjpeg_ = wanted == V4L2_PIX_FMT_MJPEG;
      width_ = static_cast<int>(format.fmt.pix.width);
      height_ = static_cast<int>(format.fmt.pix.height);
      row_bytes_ = format.fmt.pix.bytesperline;
      return;
    }
    fail(ErrorKind::unsupported, "[agent.camera] expected a camera with MJPEG or YUYV, {} has neither",
         device_.string());
  }

  static v4l2_buffer buffer_of(uint32_t index) {
    v4l2_buffer buffer{};
    buffer.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    buffer.memory = V4L2_MEMORY_MMAP;
    buffer.index = index;
    return buffer;
  }

  /// The next frame; nothing where a signal came: the user asked to stop.
  std::optional<v4l2_buffer> dequeue() const {
    pollfd ready{descriptor_, POLLIN, 0};
    const int code = ::poll(&ready, 1, kWait);
    if (code < 0 && errno == EINTR) return std::nullopt;
    if (code < 0) refuse("cannot wait for");
    if (code == 0) fail(ErrorKind::io, "[agent.camera] {} gave no frame for {} s", device_.string(), kWait / 1000);
    v4l2_buffer buffer = buffer_of(0);
    call(VIDIOC_DQBUF, &buffer, "cannot get a frame of");
    return buffer;
  }

  void stop() noexcept {
    if (descriptor_ < 0) return;
    int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    answers(VIDIOC_STREAMOFF, &type);
    for (const Mapped& mapped : maps_) ::munmap(mapped.start, mapped.size);
    ::close(descriptor_);
    descriptor_ = -1;
  }

  std::filesystem::path device_;
  int descriptor_ = -1;
  bool mjpeg_ = false;
  int width_ = 0, height_ = 0;
  size_t row_bytes_ = 0;
  std::vector<Mapped> maps_;
  int64_t frames_ = 0;
};

/// 16 bits of fraction, half up, clipped.
uint8_t to_byte(int value) { return static_cast<uint8_t>(std::clamp((value + 32768) >> 16, 0, 255)); }

}  // namespace

Tensor from_yuyv(const uint8_t* bytes, size_t size, int height, int width, size_t row_bytes) {
  const size_t least = 2 * static_cast<size_t>(width);
  row_bytes = std::max(row_bytes, least);
  if (height < 1 || width < 2 || width % 2 != 0 || size < row_bytes * static_cast<size_t>(height - 1) + least) {
    fail(ErrorKind::data, "[agent.camera] expected YUYV of {}x{} pixels, got {} bytes", height, width, size);
  }
  Tensor out(DType::u8, {height, width, 3});
  uint8_t* to = out.mutable_values<uint8_t>().data();
  for (int y = 0; y < height; ++y) {
    const uint8_t* from = bytes + row_bytes * static_cast<size_t>(y);
    for (int x = 0; x < width; x += 2, from += 4) {
      const int u = from[1] - 128, v = from[3] - 128;
      for (const int luma : {from[0], from[2]}) {  // BT.601: 1.1644, 1.5960, 0.3918, 0.8130, 2.0172
        const int base = 76309 * (luma - 16);
        *to++ = to_byte(base + 104597 * v);
        *to++ = to_byte(base - 25675 * u - 53279 * v);
        *to++ = to_byte(base + 132201 * u);
      }
    }
  }
  return out;
}

std::unique_ptr<PictureSource> open_camera(const std::filesystem::path& device, const CameraWish& wish) {
  return std::make_unique<Camera>(device, wish);
}

}  // namespace quench::agent
