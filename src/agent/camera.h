#pragma once

#include <filesystem>
#include <memory>

#include "agent/pictures.h"

namespace quench::agent {

/// A camera of Linux (V4L2, memory-mapped), which gives MJPEG or YUYV, in the size nearest to the wish. Always the
/// newest frame: those that came while the model ran are passed over. A camera that gives none for 10 s, and one that
/// is unplugged, is Error{io}. Throws Error{io} where it cannot be opened, Error{unsupported} where it is no camera or
/// gives neither format.
std::unique_ptr<PictureSource> open_camera(const std::filesystem::path& device, const CameraWish& wish);

/// YUYV (Y U Y V, a row row_bytes long; BT.601, Y from 16 to 235) as [height,width,3] uint8 RGB. width is even. Throws
/// Error{data} where there are too few bytes.
Tensor from_yuyv(const uint8_t* bytes, size_t size, int height, int width, size_t row_bytes);

}  // namespace quench::agent
