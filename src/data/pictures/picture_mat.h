#pragma once

#include <opencv2/core.hpp>

#include "data/pictures/picture.h"

namespace quench::data {

/// The same pixels as a cv::Mat (RGB); valid until the picture is resized.
inline cv::Mat as_mat(Picture& picture) {
  return cv::Mat(picture.height, picture.width, CV_8UC3, picture.pixels.data());
}

}  // namespace quench::data
