#include "data/pictures/image_file.h"

#include <algorithm>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <string>

#include "core/error.h"
#include "core/file.h"
#include "core/text.h"
#include "data/pictures/codec.h"
#include "data/sets/file_finder.h"
#include "data/sets/image_folder.h"

namespace quench::data {
namespace {

namespace fs = std::filesystem;

bool is_same(const fs::path& a, const fs::path& b) {
  std::error_code ignored;
  return !b.empty() && fs::equivalent(a, b, ignored);
}

}  // namespace

std::string encoded_image(const fs::path& path, const Tensor& pixels, int quality) {
  const Shape& shape = pixels.shape();
  ensure(pixels.dtype() == DType::u8 && shape.size() == 3 && shape[2] == 3,
         "[data.image_file] expected uint8 pixels [h,w,3], got {} {}", to_string(pixels.dtype()), to_string(shape));
  if (!is_image(path)) {
    fail(ErrorKind::config, "[data.image_file] expected a name that ends in png, jpg, jpeg, bmp, webp or tif ({})",
         path.string());
  }
  const cv::Mat rgb(static_cast<int>(shape[0]), static_cast<int>(shape[1]), CV_8UC3,
                    const_cast<uint8_t*>(pixels.values<uint8_t>().data()));
  cv::Mat bgr;
  std::vector<uint8_t> bytes;
  std::string reason = "this build of OpenCV does not write the format";
  try {
    cv::cvtColor(rgb, bgr, cv::COLOR_RGB2BGR);
    if (!encode_picture(lower(path.extension().string()), bgr, bytes, {cv::IMWRITE_JPEG_QUALITY, quality})) {
      bytes.clear();
    }
  } catch (const cv::Exception& error) {
    bytes.clear();
    reason = error.err;
  }
  if (bytes.empty()) {
    fail(ErrorKind::data, "[data.image_file] cannot encode {}x{} pixels: {} ({})", shape[0], shape[1], reason,
         path.string());
  }
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void write_image(const fs::path& path, const Tensor& pixels) { write_file(path, encoded_image(path, pixels)); }

std::vector<fs::path> list_images(const fs::path& folder, const fs::path& except, std::vector<fs::path>* others) {
  std::vector<fs::path> found;
  try {
    for (fs::recursive_directory_iterator at(folder), end; at != end; ++at) {
      const bool hidden = is_hidden(at->path());
      if (at->is_directory()) {
        if (hidden || is_same(at->path(), except)) at.disable_recursion_pending();
      } else if (!hidden && at->is_regular_file()) {
        if (is_image(at->path())) found.push_back(at->path());
        if (others && is_other_image(at->path())) others->push_back(at->path());
      }
    }
  } catch (const fs::filesystem_error& error) {
    fail(ErrorKind::io, "[data.image_file] cannot read the folder {}: {}", folder.string(), error.code().message());
  }
  std::sort(found.begin(), found.end());
  if (others) std::sort(others->begin(), others->end());
  return found;
}

}  // namespace quench::data
