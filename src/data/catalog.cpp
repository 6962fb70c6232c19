#include "data/catalog.h"

#include <algorithm>
#include <cstring>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "core/error.h"
#include "data/cifar.h"
#include "data/fit.h"
#include "data/idx.h"

namespace quench::data {
namespace {

namespace fs = std::filesystem;

constexpr int kTextHeight = 14;
constexpr int kMargin = 4;
constexpr int kSmallestTile = 64;
constexpr int kLargestTile = 256;

std::string first_with(const std::vector<fs::path>& places, const std::vector<std::string>& files) {
  for (const fs::path& place : places) {
    const bool found = std::any_of(files.begin(), files.end(), [&](const auto& f) { return fs::exists(place / f); });
    if (found) return place.string();
  }
  return {};
}

/// OpenCV's Hershey fonts know ASCII alone.
std::string ascii(const std::string& text) {
  std::string out;
  for (unsigned char c : text) {
    if (c < 0x80)
      out += static_cast<char>(c);
    else if (c >= 0xc0)
      out += '?';
  }
  return out;
}

}  // namespace

std::vector<std::string> built_in_names() { return {"cifar100", "cifar10", "fashion-mnist", "shapes"}; }

std::vector<CatalogEntry> catalog(const fs::path& root) {
  const CifarLayout cifar100 = cifar100_layout(), cifar10 = cifar10_layout();
  return {
      {"cifar100", "50,000 + 10,000 colour photos, 32x32, 100 classes (Krizhevsky 2009)",
       first_with(cifar_places(cifar100, root), cifar100.train_files), "quench data fetch cifar100"},
      {"cifar10", "50,000 + 10,000 colour photos, 32x32, 10 classes (Krizhevsky 2009)",
       first_with(cifar_places(cifar10, root), cifar10.train_files), "quench data fetch cifar10"},
      {"fashion-mnist", "60,000 + 10,000 gray pictures of clothes, 28x28, 10 classes (Xiao et al. 2017)",
       first_with(fashion_mnist_places(root), {"train-images-idx3-ubyte", "train-images-idx3-ubyte.gz"}),
       "apt install dataset-fashion-mnist, or quench data fetch fashion-mnist"},
      {"shapes", "5,000 + 1,000 drawn shapes on textures, 64x64, 10 classes (procedural)", "built in", ""},
  };
}

std::string contact_sheet(const Dataset& dataset, int64_t count, int columns) {
  if (count < 1 || columns < 1) {
    fail(ErrorKind::config, "[data.show] expected 1 or more images and columns, got {} and {}", count, columns);
  }
  count = std::min(count, dataset.size());
  columns = static_cast<int>(std::min<int64_t>(columns, count));
  const Shape first = dataset.at(0).pixels.shape();
  const int tile = static_cast<int>(std::clamp<int64_t>(std::min(first[0], first[1]), kSmallestTile, kLargestTile));
  const int step_x = tile + kMargin, step_y = tile + kTextHeight + kMargin;
  const auto rows = static_cast<int>((count + columns - 1) / columns);
  cv::Mat sheet(rows * step_y + kMargin, columns * step_x + kMargin, CV_8UC3, cv::Scalar(255, 255, 255));
  for (int64_t i = 0; i < count; ++i) {
    const Sample sample = dataset.at(i);
    const Tensor fitted = fit_image(sample.pixels, tile);
    const int x0 = kMargin + static_cast<int>(i % columns) * step_x;
    const int y0 = kMargin + static_cast<int>(i / columns) * step_y;
    const uint8_t* in = fitted.values<uint8_t>().data();
    for (int y = 0; y < tile; ++y) {
      uint8_t* out = sheet.ptr<uint8_t>(y0 + y) + 3 * x0;
      for (int x = 0; x < tile; ++x, in += 3, out += 3) {  // RGB to BGR
        out[0] = in[2];
        out[1] = in[1];
        out[2] = in[0];
      }
    }
    const std::string& name = dataset.classes().at(static_cast<size_t>(sample.label));
    cv::Mat caption = sheet(cv::Rect(x0, y0 + tile, tile, kTextHeight));
    cv::putText(caption, ascii(name), {0, kTextHeight - 4}, cv::FONT_HERSHEY_SIMPLEX, 0.33, {40, 40, 40}, 1,
                cv::LINE_AA);
  }
  std::vector<uint8_t> png;
  if (!cv::imencode(".png", sheet, png)) fail(ErrorKind::backend, "[data.show] the PNG encoder failed");
  return {png.begin(), png.end()};
}

}  // namespace quench::data
