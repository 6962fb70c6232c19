// The resize without OpenCV. That it has OpenCV's bits: data_letterbox_test.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "canvas_testing.h"
#include "core/rng.h"
#include "error_testing.h"
#include "pixels/resize.h"

namespace quench::pixels {
namespace {

using Bytes = std::vector<uint8_t>;

Bytes noise(int height, int width, uint64_t seed) {
  Rng rng(seed, "noise");
  Bytes out(static_cast<size_t>(3 * height * width));
  for (uint8_t& value : out) value = static_cast<uint8_t>(rng.below(256));
  return out;
}

Bytes resized(const Bytes& source, int source_height, int source_width, int height, int width) {
  Bytes out(static_cast<size_t>(3 * height * width));
  resize_bilinear(source.data(), source_height, source_width, out.data(), height, width, 3 * width);
  return out;
}

/// Bilinear in doubles.
double exact(const Bytes& source, int source_height, int source_width, int height, int width, int y, int x, int c) {
  const auto place = [](int i, int from, int to) { return (i + 0.5) * from / to - 0.5; };
  const double py = place(y, source_height, height), px = place(x, source_width, width);
  const int top = static_cast<int>(std::floor(py)), left = static_cast<int>(std::floor(px));
  const auto at = [&](int row, int column) {
    row = std::clamp(row, 0, source_height - 1);
    column = std::clamp(column, 0, source_width - 1);
    return static_cast<double>(source[static_cast<size_t>(3 * (row * source_width + column) + c)]);
  };
  const double fy = py - top, fx = px - left;
  return (1 - fy) * ((1 - fx) * at(top, left) + fx * at(top, left + 1)) +
         fy * ((1 - fx) * at(top + 1, left) + fx * at(top + 1, left + 1));
}

TEST(Resize, IsBilinear) {
  struct Case {
    int source_height, source_width, height, width;
  };
  for (const Case& c : {Case{7, 5, 21, 13}, Case{40, 31, 17, 29}, Case{1, 9, 4, 30}, Case{9, 1, 3, 4}, Case{1, 1, 6, 7},
                        Case{64, 48, 16, 12}, Case{30, 20, 60, 40}}) {
    const Bytes source = noise(c.source_height, c.source_width, 1);
    const Bytes out = resized(source, c.source_height, c.source_width, c.height, c.width);
    for (int y = 0; y < c.height; ++y) {
      for (int x = 0; x < c.width; ++x) {
        for (int k = 0; k < 3; ++k) {
          const double wanted = exact(source, c.source_height, c.source_width, c.height, c.width, y, x, k);
          // Weights are rounded to 1/2048 (255/2048 each, two axes), rows to 1/4 below, the result to 1.
          EXPECT_NEAR(out[static_cast<size_t>(3 * (y * c.width + x) + k)], wanted, 1.0) << y << "," << x;
        }
      }
    }
  }
}

TEST(Resize, KeepsWhatNeedsNoResize) {
  const Bytes source = noise(11, 13, 2);
  EXPECT_EQ(resized(source, 11, 13, 11, 13), source);
  const Bytes flat(3 * 10 * 14, 201);
  EXPECT_EQ(resized(flat, 10, 14, 23, 9), Bytes(3 * 23 * 9, 201));
}

TEST(Resize, HalfTheSizeIsTheMeanOfFour) {
  const Bytes source = noise(8, 6, 3);
  const Bytes out = resized(source, 8, 6, 4, 3);
  for (int y = 0; y < 4; ++y) {
    for (int x = 0; x < 9; ++x) {
      const int from = 36 * y + 6 * (x / 3) + x % 3;
      const int sum = source[from] + source[from + 3] + source[from + 18] + source[from + 21];
      EXPECT_EQ(out[9 * y + x], (sum + 2) / 4);
    }
  }
}

TEST(Resize, RowsOfTheOutputMayLieApart) {
  const Bytes source = noise(5, 4, 4);
  Bytes out(3 * 6 * 10, 77);
  resize_bilinear(source.data(), 5, 4, out.data() + 3, 6, 8, 30);
  const Bytes dense = resized(source, 5, 4, 6, 8);
  for (int y = 0; y < 6; ++y) {
    EXPECT_TRUE(std::equal(dense.begin() + 24 * y, dense.begin() + 24 * (y + 1), out.begin() + 30 * y + 3));
    EXPECT_EQ(out[30 * y], 77);
    EXPECT_EQ(out[30 * y + 29], 77);
  }
}

TEST(Canvas, GrayIsAroundThePicture) {
  const Letterbox fitted = letterbox(4, 8, 16, 16);  // twice as large, 4 rows above and below
  const Tensor canvas = on_canvas(Tensor::from(Bytes(3 * 4 * 8, 9), {4, 8, 3}), fitted);
  ASSERT_EQ(canvas.shape(), (Shape{1, 16, 16, 3}));
  for (int y = 0; y < 16; ++y) {
    EXPECT_EQ(canvas.values<uint8_t>()[static_cast<size_t>(48 * y + 7)], y < 4 || y >= 12 ? kPadding : 9) << y;
  }
  const auto [kind, message] = error_of([&] { on_canvas(Tensor(DType::u8, {8, 4, 3}), fitted); });
  EXPECT_EQ(kind, ErrorKind::internal);
  EXPECT_NE(message.find("[4,8,3]"), std::string::npos) << message;
}

}  // namespace
}  // namespace quench::pixels
