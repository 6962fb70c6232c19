// Devices see the pixels that OpenCV reads here.
#include <gtest/gtest.h>

#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "picture_files/decode.h"
#include "picture_files/encode.h"

namespace quench::picture_files {
namespace {

cv::Mat picture(int height, int width, int type) {
  cv::Mat small(9, 7, type), out;
  cv::RNG rng(3);
  rng.fill(small, cv::RNG::UNIFORM, 0, CV_MAT_DEPTH(type) == CV_16U ? 65536 : 256);
  cv::resize(small, out, {width, height}, 0, 0, cv::INTER_CUBIC);
  return out;
}

void expect_as_opencv(const std::vector<uint8_t>& bytes, const std::string& what) {
  const cv::Mat bgr = cv::imdecode(bytes, cv::IMREAD_COLOR);
  ASSERT_FALSE(bgr.empty()) << what;
  cv::Mat rgb;
  cv::cvtColor(bgr, rgb, cv::COLOR_BGR2RGB);
  const Tensor got = decode_picture({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, what);
  ASSERT_EQ(got.shape(), (Shape{rgb.rows, rgb.cols, 3})) << what;
  const cv::Mat ours(rgb.rows, rgb.cols, CV_8UC3, const_cast<uint8_t*>(got.values<uint8_t>().data()));
  EXPECT_EQ(cv::norm(ours, rgb, cv::NORM_INF), 0) << what;
}

TEST(PictureFilesBesideOpenCv, JpegsArePixelForPixelTheSame) {
  for (const auto& [height, width] : {std::pair{48, 64}, {37, 51}, {1, 8}}) {
    for (const int quality : {30, 95}) {
      for (const int progressive : {0, 1}) {
        for (const int type : {CV_8UC1, CV_8UC3}) {
          std::vector<uint8_t> bytes;
          cv::imencode(".jpg", picture(height, width, type), bytes,
                       {cv::IMWRITE_JPEG_QUALITY, quality, cv::IMWRITE_JPEG_PROGRESSIVE, progressive});
          expect_as_opencv(bytes, "jpeg");
        }
      }
    }
  }
}

TEST(PictureFilesBesideOpenCv, PngsArePixelForPixelTheSame) {
  for (const int type : {CV_8UC1, CV_8UC3, CV_8UC4, CV_16UC1, CV_16UC3, CV_16UC4}) {
    std::vector<uint8_t> bytes;
    cv::imencode(".png", picture(30, 41, type), bytes);
    expect_as_opencv(bytes, "png of type " + std::to_string(type));
  }
  std::vector<uint8_t> bytes;
  cv::imencode(".png", picture(30, 41, CV_8UC1) > 100, bytes, {cv::IMWRITE_PNG_BILEVEL, 1});
  expect_as_opencv(bytes, "png of one bit");
}

TEST(PictureFilesBesideOpenCv, WhatWeWriteItReads) {
  const cv::Mat rgb = picture(31, 45, CV_8UC3);
  const Tensor pixels = Tensor::from(std::span<const uint8_t>(rgb.data, rgb.total() * 3), {31, 45, 3});
  for (const std::string& bytes : {encode_png(pixels), encode_jpeg(pixels)}) {
    expect_as_opencv({bytes.begin(), bytes.end()}, "ours");
  }
}

}  // namespace
}  // namespace quench::picture_files
