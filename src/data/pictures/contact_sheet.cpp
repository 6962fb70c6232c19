#include <algorithm>
#include <opencv2/imgproc.hpp>

#include "core/error.h"
#include "core/task.h"
#include "data/loading/stand_ins.h"
#include "data/pictures/codec.h"
#include "data/sets/catalog.h"
#include "pixels/fit.h"

namespace quench::data {
namespace {

constexpr int kTextHeight = 14;
constexpr int kMargin = 4;
constexpr int kSmallestTile = 64;
constexpr int kLargestTile = 256;
constexpr int kDetectionTile = 320;

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

void write_text(cv::Mat& image, const std::string& text, cv::Point at, const cv::Scalar& color) {
  cv::putText(image, ascii(text), at, cv::FONT_HERSHEY_SIMPLEX, 0.33, color, 1, cv::LINE_AA);
}

/// A tile as OpenCV has it: BGR.
cv::Mat to_bgr(const Tensor& pixels) {
  const cv::Mat rgb(static_cast<int>(pixels.shape()[0]), static_cast<int>(pixels.shape()[1]), CV_8UC3,
                    const_cast<std::byte*>(pixels.bytes()));
  cv::Mat out;
  cv::cvtColor(rgb, out, cv::COLOR_RGB2BGR);
  return out;
}

void draw_tile(const Sample& sample, const Dataset& dataset, int64_t, cv::Mat tile, cv::Mat caption) {
  to_bgr(pixels::fit_image(sample.pixels, tile.rows)).copyTo(tile);
  write_text(caption, dataset.classes().at(static_cast<size_t>(sample.label)), {0, kTextHeight - 4}, {40, 40, 40});
}

/// Bright and dark ones alternate, far apart in hue.
cv::Scalar color_of(int32_t label) {
  const double hue = (label * 77 % 180), value = label % 2 ? 255 : 200;
  const cv::Mat hsv(1, 1, CV_8UC3, cv::Scalar(hue, 230, value));
  cv::Mat bgr;
  cv::cvtColor(hsv, bgr, cv::COLOR_HSV2BGR);
  const auto& pixel = bgr.at<cv::Vec3b>(0, 0);
  return {static_cast<double>(pixel[0]), static_cast<double>(pixel[1]), static_cast<double>(pixel[2])};
}

/// Black or white, whichever stands out (luma of BT.601).
cv::Scalar readable_on(const cv::Scalar& bgr) {
  return 0.114 * bgr[0] + 0.587 * bgr[1] + 0.299 * bgr[2] > 110 ? cv::Scalar(0, 0, 0) : cv::Scalar(255, 255, 255);
}

void draw_box(cv::Mat& image, const cv::Rect& box, const cv::Scalar& color, bool dashed) {
  if (!dashed) return cv::rectangle(image, box, color, 1);
  constexpr int kDash = 6;
  for (int x = box.x; x < box.br().x; x += 2 * kDash) {
    const int end = std::min(x + kDash, box.br().x - 1);
    cv::line(image, {x, box.y}, {end, box.y}, color);
    cv::line(image, {x, box.br().y - 1}, {end, box.br().y - 1}, color);
  }
  for (int y = box.y; y < box.br().y; y += 2 * kDash) {
    const int end = std::min(y + kDash, box.br().y - 1);
    cv::line(image, {box.x, y}, {box.x, end}, color);
    cv::line(image, {box.br().x - 1, y}, {box.br().x - 1, end}, color);
  }
}

void draw_detection_tile(const Sample& sample, const Dataset& dataset, int64_t index, cv::Mat tile, cv::Mat caption) {
  const cv::Mat image = to_bgr(sample.pixels);
  const double gain =
      std::min(static_cast<double>(tile.cols) / image.cols, static_cast<double>(tile.rows) / image.rows);
  const cv::Size size(std::clamp(static_cast<int>(image.cols * gain + 0.5), 1, tile.cols),
                      std::clamp(static_cast<int>(image.rows * gain + 0.5), 1, tile.rows));
  tile.setTo(cv::Scalar(230, 230, 230));
  cv::Mat picture =
      tile(cv::Rect((tile.cols - size.width) / 2, (tile.rows - size.height) / 2, size.width, size.height));
  cv::resize(image, picture, size, 0, 0, gain < 1 ? cv::INTER_AREA : cv::INTER_NEAREST);
  const cv::Rect whole(0, 0, size.width, size.height);
  const auto on_tile = [&](const Box& box) {
    const cv::Point from(static_cast<int>(box.x1 * gain + 0.5), static_cast<int>(box.y1 * gain + 0.5));
    const cv::Point to(static_cast<int>(box.x2 * gain + 0.5), static_cast<int>(box.y2 * gain + 0.5));
    return cv::Rect(from, cv::Size(std::max(2, to.x - from.x), std::max(2, to.y - from.y))) & whole;
  };
  for (const Object& object : sample.objects) {
    draw_box(picture, on_tile(object.box), color_of(object.label), object.crowd);
  }
  for (const Object& object : sample.objects) {  // above all boxes
    const cv::Rect box = on_tile(object.box);
    const std::string name = dataset.classes().at(static_cast<size_t>(object.label)) + (object.crowd ? " (crowd)" : "");
    const cv::Size text = cv::getTextSize(ascii(name), cv::FONT_HERSHEY_SIMPLEX, 0.33, 1, nullptr);
    const int bottom = std::max(box.y, text.height + 3);
    cv::rectangle(picture, cv::Rect(box.x, bottom - text.height - 3, text.width + 2, text.height + 3) & whole,
                  color_of(object.label), cv::FILLED);
    write_text(picture, name, {box.x + 1, bottom - 2}, readable_on(color_of(object.label)));
  }
  write_text(caption, dataset.image(index).name, {0, kTextHeight - 4}, {40, 40, 40});
}

}  // namespace

std::string contact_sheet(const Dataset& dataset, int64_t count, int columns) {
  if (count < 1 || columns < 1) {
    fail(ErrorKind::config, "[data.show] expected 1 or more images and columns, got {} and {}", count, columns);
  }
  count = std::min(count, dataset.size());
  columns = static_cast<int>(std::min<int64_t>(columns, count));
  const bool detect = labels_of(dataset.task()) == Labels::objects;
  int tile = kDetectionTile;
  if (!detect) {
    const Shape first = first_sample(dataset).pixels.shape();
    tile = static_cast<int>(std::clamp<int64_t>(std::min(first[0], first[1]), kSmallestTile, kLargestTile));
  }
  const int step_x = tile + kMargin, step_y = tile + kTextHeight + kMargin;
  const auto rows = static_cast<int>((count + columns - 1) / columns);
  cv::Mat sheet(rows * step_y + kMargin, columns * step_x + kMargin, CV_8UC3, cv::Scalar(255, 255, 255));
  LeftOut left_out;  // said on the tile
  for (int64_t i = 0; i < count; ++i) {
    const int x = kMargin + static_cast<int>(i % columns) * step_x;
    const int y = kMargin + static_cast<int>(i / columns) * step_y;
    cv::Mat caption = sheet(cv::Rect(x, y + tile, tile, kTextHeight));
    if (const std::optional<Sample> sample = read_or_note(dataset, i, left_out)) {
      (detect ? draw_detection_tile : draw_tile)(*sample, dataset, i, sheet(cv::Rect(x, y, tile, tile)), caption);
    } else {
      write_text(caption, "cannot be read", {0, kTextHeight - 4}, {40, 40, 200});
    }
  }
  std::vector<uint8_t> png;
  if (!encode_picture(".png", sheet, png)) fail(ErrorKind::backend, "[data.show] the PNG encoder failed");
  return {png.begin(), png.end()};
}

}  // namespace quench::data
