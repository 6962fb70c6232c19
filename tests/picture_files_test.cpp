// Picture files without OpenCV: what is written is read, what is damaged is refused.
#include <gtest/gtest.h>

#include <cstdlib>

#include "core/rng.h"
#include "error_testing.h"
#include "picture_files/decode.h"
#include "picture_files/encode.h"
#include "picture_files/orientation.h"

namespace quench::picture_files {
namespace {

Tensor noise(int height, int width, uint64_t seed = 0) {
  Tensor pixels(DType::u8, {height, width, 3});
  Rng rng(seed, "noise");
  for (uint8_t& value : pixels.mutable_values<uint8_t>()) value = static_cast<uint8_t>(rng.below(256));
  return pixels;
}

/// Changes slowly, so that JPEG keeps it nearly.
Tensor slope(int height, int width) {
  Tensor pixels(DType::u8, {height, width, 3});
  const auto values = pixels.mutable_values<uint8_t>();
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < 3; ++c)
        values[static_cast<size_t>(3 * (y * width + x) + c)] = uint8_t(40 + 2 * y + x + 30 * c);
    }
  }
  return pixels;
}

int largest_difference(const Tensor& a, const Tensor& b) {
  EXPECT_EQ(a.shape(), b.shape());
  int most = 0;
  for (int64_t i = 0; i < a.size(); ++i) {
    most = std::max(most, std::abs(a.values<uint8_t>()[i] - b.values<uint8_t>()[i]));
  }
  return most;
}

std::string ppm(const Tensor& pixels, const std::string& header) {
  return header + std::string(reinterpret_cast<const char*>(pixels.bytes()), pixels.size_bytes());
}

void expect_damaged(const std::string& bytes, const std::string& part = "") {
  const auto [kind, message] = error_of([&] { decode_picture(bytes, "a.jpg"); });
  EXPECT_EQ(kind, ErrorKind::data) << message;
  EXPECT_NE(message.find("a.jpg"), std::string::npos) << message;
  EXPECT_NE(message.find(part), std::string::npos) << message;
}

TEST(PictureFiles, WhatIsWrittenIsRead) {
  for (const auto& [height, width] : {std::pair{1, 1}, {17, 33}, {64, 9}}) {
    EXPECT_EQ(decode_picture(encode_png(noise(height, width)), "a"), noise(height, width));
    EXPECT_LE(largest_difference(decode_picture(encode_jpeg(slope(height, width)), "a"), slope(height, width)), 6);
    EXPECT_EQ(decode_picture(ppm(noise(height, width), fmt::format("P6\n# by hand\n{} {}\n255\n", width, height)), "a"),
              noise(height, width));
  }
  EXPECT_EQ(picture_kind(encode_png(noise(2, 2))), "png");
  EXPECT_EQ(picture_kind(encode_jpeg(noise(2, 2))), "jpeg");
  EXPECT_EQ(picture_kind("P6 "), "ppm");
  EXPECT_EQ(picture_kind("GIF89a"), "");
  EXPECT_LT(encode_jpeg(noise(64, 64), 20).size(), encode_jpeg(noise(64, 64), 95).size());
}

TEST(PictureFiles, MemoryIsUsedAgain) {
  const std::string slopes = encode_jpeg(slope(40, 30)), noises = encode_jpeg(noise(40, 30));
  const Tensor wanted = decode_picture(slopes, "a");
  Tensor used = decode_picture(noises, "a");
  const std::byte* const memory = used.bytes();
  const Tensor again = decode_picture(slopes, "a", std::move(used));
  EXPECT_EQ(again, wanted);
  EXPECT_EQ(again.bytes(), memory);
  EXPECT_EQ(decode_picture(noises, "a", again), decode_picture(noises, "a"));
  EXPECT_EQ(again, wanted);  // who still holds it keeps it
  for (const Shape& shape : {Shape{30, 40, 3}, Shape{1, 1, 3}, Shape{0}}) {
    EXPECT_EQ(decode_picture(slopes, "a", Tensor(DType::u8, shape)), wanted);
  }
  EXPECT_EQ(decode_picture(slopes, "a", Tensor(DType::i8, {40, 30, 3})), wanted);
  EXPECT_EQ(decode_picture(encode_png(noise(40, 30)), "a", Tensor(DType::u8, {40, 30, 3})), noise(40, 30));
}

TEST(PictureFiles, NamesOfPictures) {
  for (const char* name : {"a.jpg", "b/A.JPEG", "c.Png", "d.ppm"}) EXPECT_TRUE(is_picture_name(name)) << name;
  for (const char* name : {"a.gif", "jpg", "a.jpg.txt", ""}) EXPECT_FALSE(is_picture_name(name)) << name;
}

TEST(PictureFiles, WhatIsDamagedIsRefused) {
  expect_damaged("", "empty file");
  expect_damaged("<html>", "another kind of file");
  expect_damaged("P6\n4 4\n255\n123", "48 bytes");
  expect_damaged("P6\n4 4\n65535\n", "8 bits");
  expect_damaged("P6\n", "");
  expect_damaged("P6\n0 4\n255\n", "0");
  expect_damaged("P6\n60000 60000\n255\n", "60000x60000");
  for (const std::string& whole : {encode_png(noise(40, 40)), encode_jpeg(noise(40, 40))}) {
    for (size_t size = 3; size + 2 < whole.size(); size += 1 + whole.size() / 40) expect_damaged(whole.substr(0, size));
  }
}

// What claims to be huge takes no memory: the header alone is read.
TEST(PictureFiles, TooLargeIsRefusedBeforeMemoryIsTaken) {
  std::string jpeg = encode_jpeg(noise(16, 16));
  const size_t frame = jpeg.find("\xff\xc0");
  ASSERT_NE(frame, std::string::npos);
  jpeg.replace(frame + 5, 4, "\xff\xff\xff\xff");
  expect_damaged(jpeg, "");
}

// Whatever a byte is turned into, it is a picture or an Error{data}.
TEST(PictureFiles, FlippedBytesNeverCrash) {
  Rng rng(5, "flips");
  int refused = 0;
  for (const std::string& whole : {encode_png(noise(24, 24)), encode_jpeg(slope(48, 48))}) {
    for (int i = 0; i < 400; ++i) {
      std::string bytes = whole;
      for (int k = 0; k < 1 + i % 4; ++k) bytes[rng.below(bytes.size())] = static_cast<char>(rng.below(256));
      try {
        decode_picture(bytes, "a");
      } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::data) << error.what();
        ++refused;
      }
    }
  }
  EXPECT_GT(refused, 300);
}

/// EXIF data with one entry.
std::string exif(int orientation, bool big) {
  const auto number = [big](int value, int size) {
    std::string out;
    for (int i = 0; i < size; ++i) out += static_cast<char>(value >> 8 * (big ? size - 1 - i : i));
    return out;
  };
  const std::string head = big ? "MM" : "II";
  return head + number(42, 2) + number(8, 4) + number(1, 2) + number(0x112, 2) + number(3, 2) + number(1, 4) +
         number(orientation, 2) + number(0, 2) + number(0, 4);
}

TEST(PictureFiles, ExifSaysHowAPictureIsTurned) {
  for (int i = 1; i <= 8; ++i) {
    EXPECT_EQ(exif_orientation(exif(i, false)), i);
    EXPECT_EQ(exif_orientation(exif(i, true)), i);
  }
  EXPECT_EQ(exif_orientation(exif(9, true)), 1);
  EXPECT_EQ(exif_orientation(""), 1);
  for (size_t size = 0; size < 20; ++size) EXPECT_EQ(exif_orientation(exif(6, false).substr(0, size)), 1);
  std::string far = exif(6, false);
  far[7] = '\x7f';  // a directory beyond the end
  EXPECT_EQ(exif_orientation(far), 1);

  // Of a 2x3 picture: which pixel of the original stands where (EXIF 2.3, table of orientation).
  const std::vector<std::vector<int>> expected{{0, 1, 2, 3, 4, 5}, {2, 1, 0, 5, 4, 3}, {5, 4, 3, 2, 1, 0},
                                               {3, 4, 5, 0, 1, 2}, {0, 3, 1, 4, 2, 5}, {3, 0, 4, 1, 5, 2},
                                               {5, 2, 4, 1, 3, 0}, {2, 5, 1, 4, 0, 3}};
  Tensor pixels(DType::u8, {2, 3, 3});
  for (size_t i = 0; i < 18; ++i) pixels.mutable_values<uint8_t>()[i] = static_cast<uint8_t>(i / 3);
  for (int i = 1; i <= 8; ++i) {
    const Tensor out = oriented(pixels, i);
    EXPECT_EQ(out.shape(), i < 5 ? (Shape{2, 3, 3}) : (Shape{3, 2, 3}));
    for (size_t k = 0; k < 6; ++k) EXPECT_EQ(out.values<uint8_t>()[3 * k + 1], expected[i - 1][k]) << i << " " << k;
  }
  const std::string plain = encode_jpeg(slope(20, 30));
  const std::string data = std::string("Exif\0\0", 6) + exif(6, true);
  const std::string turned =
      plain.substr(0, 2) + "\xff\xe1" + std::string{'\0', static_cast<char>(data.size() + 2)} + data + plain.substr(2);
  EXPECT_EQ(decode_picture(turned, "a"), oriented(decode_picture(plain, "a"), 6));
}

TEST(PictureFiles, WritesPixelsAlone) {
  EXPECT_EQ(error_of([] { encode_png(Tensor(DType::u8, {4, 4})); }).first, ErrorKind::internal);
  EXPECT_EQ(error_of([] { encode_jpeg(Tensor(DType::f32, {4, 4, 3})); }).first, ErrorKind::internal);
  EXPECT_EQ(error_of([] { encode_jpeg(Tensor(DType::u8, {1, 65501, 3})); }).first, ErrorKind::data);
}

}  // namespace
}  // namespace quench::picture_files
