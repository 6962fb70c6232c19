// The size from the header is the size of the decoded image, whatever the format and the EXIF orientation.
#include "core/tensor.h"
#include "data/pictures/image_size.h"
#include "data/sets/image_folder.h"
#include "data_detection_testing.h"
#include "data_testing.h"

namespace quench::data {
namespace {

namespace fs = std::filesystem;
using quench::testing::encoded_image;
using quench::testing::expect_error;
using quench::testing::TemporaryFolder;
using quench::testing::with_orientation;
using quench::testing::write_quickly;

ImageSize decoded_size(const fs::path& path) {
  const Shape shape = read_image(path).shape();
  return {static_cast<int>(shape[0]), static_cast<int>(shape[1])};
}

TEST(ImageSizes, OfEveryFormat) {
  TemporaryFolder folder;
  for (const char* extension : {".jpg", ".png", ".bmp", ".webp"}) {
    for (const auto& [width, height] : {std::pair(33, 17), std::pair(1, 1), std::pair(300, 5)}) {
      const fs::path path = folder.path() / (std::string("a") + extension);
      write_file(path, encoded_image(extension, width, height));
      EXPECT_EQ(image_size(path), (ImageSize{height, width})) << extension;
      EXPECT_EQ(image_size(path), decoded_size(path)) << extension;
    }
  }
}

TEST(ImageSizes, LosslessWebp) {
  TemporaryFolder folder;
  const cv::Mat image(9, 21, CV_8UC3, cv::Scalar(1, 2, 3));
  std::vector<uint8_t> bytes;
  cv::imencode(".webp", image, bytes, {cv::IMWRITE_WEBP_QUALITY, 101});
  write_file(folder.path() / "a.webp", std::string(bytes.begin(), bytes.end()));
  EXPECT_EQ(image_size(folder.path() / "a.webp"), (ImageSize{9, 21}));
  EXPECT_EQ(decoded_size(folder.path() / "a.webp"), (ImageSize{9, 21}));
}

TEST(ImageSizes, ExifOrientationIsApplied) {
  TemporaryFolder folder;
  const fs::path path = folder.path() / "a.jpg";
  const std::string plain = encoded_image(".jpg", 48, 16);
  for (const bool big : {false, true}) {
    for (int orientation = 1; orientation <= 8; ++orientation) {
      write_file(path, with_orientation(plain, orientation, big));
      EXPECT_EQ(image_size(path), (orientation >= 5 ? ImageSize{48, 16} : ImageSize{16, 48})) << orientation;
      EXPECT_EQ(image_size(path), decoded_size(path)) << orientation;
    }
    for (int orientation : {0, 9, 255}) {  // no such thing: whatever the decoder makes of it
      write_file(path, with_orientation(plain, orientation, big));
      EXPECT_EQ(image_size(path), decoded_size(path)) << orientation;
    }
  }
  // Two blocks: only the decoder knows which counts.
  write_file(path, with_orientation(with_orientation(plain, 6, true), 1, true));
  EXPECT_EQ(image_size(path), decoded_size(path));
  write_file(path, with_orientation(with_orientation(plain, 1, true), 6, true));
  EXPECT_EQ(image_size(path), decoded_size(path));
}

TEST(ImageSizes, HeaderSufficesWhereThePixelsAreDamaged) {
  TemporaryFolder folder;
  const std::string jpeg = encoded_image(".jpg", 64, 48);
  write_file(folder.path() / "a.jpg", jpeg.substr(0, jpeg.size() * 3 / 4));
  EXPECT_EQ(image_size(folder.path() / "a.jpg"), (ImageSize{48, 64}));
}

TEST(ImageSizes, WhatIsNoImageIsNamed) {
  TemporaryFolder folder;
  write_file(folder.path() / "a.jpg", "not an image");
  expect_error(ErrorKind::data, {"a.jpg"}, [&] { image_size(folder.path() / "a.jpg"); });
  write_file(folder.path() / "b.png", "");
  expect_error(ErrorKind::data, {"b.png"}, [&] { image_size(folder.path() / "b.png"); });
  expect_error(ErrorKind::io, {"c.png"}, [&] { image_size(folder.path() / "c.png"); });
}

TEST(ImageSizesFuzz, HeadersGiveASizeOrAnError) {
  TemporaryFolder folder;
  for (const char* extension : {".jpg", ".png", ".bmp", ".webp"}) {
    std::string whole = encoded_image(extension, 40, 24);
    if (std::string(extension) == ".jpg") whole = with_orientation(whole, 6, true);
    const fs::path path = folder.path() / (std::string("a") + extension);
    for (uint64_t round = 0; round < 300; ++round) {
      Rng rng(3, extension, round);
      std::string bytes = whole;
      const size_t head = std::min<size_t>(bytes.size(), 96);
      for (uint64_t i = 0, many = 1 + rng.below(3); i < many; ++i) {
        bytes[rng.below(head)] = static_cast<char>(rng.below(256));
      }
      if (rng.chance(0.2)) bytes.resize(rng.below(head));
      write_quickly(path, bytes);
      try {
        const ImageSize size = image_size(path);
        EXPECT_TRUE(size.height > 0 && size.width > 0);
      } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::data) << error.what();
      }
    }
  }
}

}  // namespace
}  // namespace quench::data
