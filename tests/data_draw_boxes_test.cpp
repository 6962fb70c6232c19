#include <cmath>
#include <limits>
#include <set>

#include "core/rng.h"
#include "data/pictures/draw_boxes.h"
#include "data/pictures/letters.h"
#include "data_testing.h"

namespace quench::data {
namespace {

Tensor plain(int height, int width, uint8_t value) {
  Tensor pixels(DType::u8, {height, width, 3});
  for (uint8_t& byte : pixels.mutable_values<uint8_t>()) byte = value;
  return pixels;
}

Color at(const Tensor& pixels, int64_t y, int64_t x) {
  const auto values = pixels.values<uint8_t>();
  const size_t i = static_cast<size_t>(3 * (y * pixels.shape()[1] + x));
  return {values[i], values[i + 1], values[i + 2]};
}

bool inside(const Box& box, int64_t y, int64_t x) { return x >= box.x1 && x < box.x2 && y >= box.y1 && y < box.y2; }

TEST(DrawBoxes, EdgesLieInsideTheBoxFromItsCornersOn) {
  const Tensor before = plain(480, 640, 40);
  const LabelledBox box{{99.6, 200.2, 300.4, 399.8}, 3, ""};  // 100..300 x 200..400
  const Tensor after = draw_boxes(before, {&box, 1});
  ASSERT_EQ(after.shape(), before.shape());
  const Color color = class_color(3), ground{40, 40, 40};
  constexpr int kLine = 2;  // of 480 x 640
  for (int64_t y = 0; y < 480; ++y) {
    for (int64_t x = 0; x < 640; ++x) {
      const bool in_box = x >= 100 && x < 300 && y >= 200 && y < 400;
      const bool in_core = x >= 100 + kLine && x < 300 - kLine && y >= 200 + kLine && y < 400 - kLine;
      ASSERT_EQ(at(after, y, x), in_box && !in_core ? color : ground) << y << " " << x;
    }
  }
  EXPECT_EQ(before, plain(480, 640, 40)) << "the image itself stays";
}

TEST(DrawBoxes, ABoxWithoutOutlineHasItsLabelAlone) {
  const LabelledBox box{{0, 0, 640, 480}, 1, "cat 0.93", false};
  const Tensor after = draw_boxes(plain(480, 640, 0), {&box, 1});
  const Box place = label_places(480, 640, {&box, 1})[0];
  EXPECT_EQ(place.x1, 0);
  EXPECT_EQ(place.y1, 0);
  int64_t drawn = 0;
  for (int64_t y = 0; y < 480; ++y) {
    for (int64_t x = 0; x < 640; ++x) {
      if (inside(place, y, x)) {
        drawn += at(after, y, x) == class_color(1);
      } else {
        ASSERT_EQ(at(after, y, x), Color{}) << y << " " << x;
      }
    }
  }
  EXPECT_GT(drawn, place.area() / 2);
  EXPECT_LT(drawn, place.area()) << "letters";
}

// Whatever the boxes and the image: every label is inside, and nothing but labels and boxes changes.
TEST(DrawBoxes, LabelsStayInsideTheImage) {
  Rng rng(7, "labels");
  for (const auto& [height, width] : std::vector<std::pair<int, int>>{
           {480, 640}, {1080, 1920}, {32, 32}, {20, 900}, {900, 20}, {1, 1}, {4, 2000}, {321, 200}}) {
    std::vector<LabelledBox> boxes;
    for (int i = 0; i < 40; ++i) {
      const double x = rng.uniform() * width, y = rng.uniform() * height;
      boxes.push_back({{x, y, x + rng.uniform() * width, y + rng.uniform() * height},
                       i,
                       "a class with quite a long name " + std::to_string(i) + " 0.87"});
    }
    boxes.push_back({{-50, -50, 3.0 * width, 3.0 * height}, 40, "person 0.5"});
    boxes.push_back({{width - 1.0, height - 1.0, width + 0.0, height + 0.0}, 41, "corner 0.5"});
    boxes.push_back({{width + 5.0, 0, width + 9.0, 3}, 42, "outside 0.5"});
    const int factor = drawing_factor(height, width);
    const std::vector<Box> places = label_places(height, width, boxes);
    ASSERT_EQ(places.size(), boxes.size());
    for (const Box& place : places) {
      EXPECT_GE(place.x1, 0);
      EXPECT_GE(place.y1, 0);
      EXPECT_LE(place.x2, factor * width) << height << "x" << width;
      EXPECT_LE(place.y2, factor * height) << height << "x" << width;
    }
    const Tensor drawing = draw_boxes(plain(height, width, 10), boxes);
    EXPECT_EQ(drawing.shape(), (Shape{factor * height, factor * width, 3}));
  }
}

TEST(DrawBoxes, TheTextFitsItsPlace) {
  // Text in a corner is as whole as text with room around it: as many pixels of letters.
  const auto letters = [](const LabelledBox& box) {
    const Tensor drawing = draw_boxes(plain(480, 640, 7), {&box, 1});
    const Box place = label_places(480, 640, {&box, 1})[0];
    int64_t count = 0;
    for (auto y = static_cast<int64_t>(place.y1); y < place.y2; ++y) {
      for (auto x = static_cast<int64_t>(place.x1); x < place.x2; ++x) count += at(drawing, y, x) != class_color(0);
    }
    return count;
  };
  const int64_t free = letters({{200, 200, 400, 400}, 0, "Wjgy 0.25", false});
  EXPECT_GT(free, 100);
  EXPECT_EQ(letters({{630, 470, 640, 480}, 0, "Wjgy 0.25", false}), free);
  EXPECT_EQ(letters({{0, 0, 5, 5}, 0, "Wjgy 0.25", false}), free);
  EXPECT_EQ(letters({{-20, 0, 900, 480}, 0, "Wjgy 0.25", false}), free);
}

TEST(DrawBoxes, LabelsOfNeighboursDoNotCoverEachOther) {
  std::vector<LabelledBox> boxes;
  for (int i = 0; i < 3; ++i) boxes.push_back({{200, 200, 400, 400}, i, "object 0.5"});
  const std::vector<Box> places = label_places(480, 640, boxes);
  for (int i = 0; i < 3; ++i) {
    for (int k = 0; k < i; ++k) EXPECT_EQ(intersection(places[i], places[k]), 0) << i << " " << k;
  }
}

TEST(DrawBoxes, SmallImagesAreEnlarged) {
  EXPECT_EQ(drawing_factor(480, 640), 1);
  EXPECT_EQ(drawing_factor(320, 10), 1);
  EXPECT_EQ(drawing_factor(319, 10), 2);
  EXPECT_EQ(drawing_factor(32, 32), 10);
  Tensor pixels = plain(32, 32, 0);
  pixels.mutable_values<uint8_t>()[3 * (4 * 32 + 5)] = 200;  // red at y 4, x 5
  const Tensor drawing = draw_boxes(pixels, {});
  ASSERT_EQ(drawing.shape(), (Shape{320, 320, 3}));
  for (int64_t y = 0; y < 320; ++y) {
    for (int64_t x = 0; x < 320; ++x) {
      ASSERT_EQ(at(drawing, y, x).r, y / 10 == 4 && x / 10 == 5 ? 200 : 0) << y << " " << x;
    }
  }
  const LabelledBox box{{8, 8, 24, 24}, 2, ""};
  const Tensor boxed = draw_boxes(pixels, {&box, 1});
  EXPECT_EQ(at(boxed, 80, 80), class_color(2));
  EXPECT_EQ(at(boxed, 239, 239), class_color(2));
  EXPECT_EQ(at(boxed, 79, 79), Color{});
  EXPECT_EQ(at(boxed, 240, 240), Color{});
}

TEST(DrawBoxes, BoxesThatAreNoNumbersAreLeftOut) {
  const double nan = std::numeric_limits<double>::quiet_NaN(), far = std::numeric_limits<double>::infinity();
  const std::vector<LabelledBox> boxes{{{nan, 0, 10, 10}, 0, "a"}, {{0, 0, far, 10}, 1, "b"}};
  const Tensor image = plain(400, 400, 9);
  EXPECT_EQ(draw_boxes(image, boxes), image);
}

TEST(DrawBoxes, ClassesHaveTheirColors) {
  const auto distance = [](const Color& a, const Color& b) {
    return std::max({std::abs(a.r - b.r), std::abs(a.g - b.g), std::abs(a.b - b.b)});
  };
  for (int a = 0; a < 100; ++a) {
    for (int b = 0; b < a; ++b) {
      EXPECT_GE(distance(class_color(a), class_color(b)), a < 10 ? 40 : 12) << a << " " << b;
    }
    EXPECT_EQ(class_color(a), class_color(a));
  }
}

TEST(DrawBoxes, RefusesOtherTensors) {
  using quench::testing::expect_error;
  expect_error(ErrorKind::internal, {"[h,w,3]"}, [] { draw_boxes(Tensor(DType::f32, {4, 4, 3}), {}); });
  expect_error(ErrorKind::internal, {"[h,w,3]"}, [] { draw_boxes(Tensor(DType::u8, {3, 4, 4}), {}); });
  expect_error(ErrorKind::internal, {"[h,w,3]"}, [] { draw_boxes(Tensor(DType::u8, {0, 4, 3}), {}); });
}

TEST(DrawBoxes, NamesInOtherScriptsAreDrawnOrNumbered) {
  const Tensor pixels(DType::u8, {320, 320, 3});
  const auto drawn = [&](const std::string& text) {
    const std::vector<LabelledBox> boxes{{{60, 60, 200, 200}, 7, text, true}};
    return draw_boxes(pixels, boxes);
  };
  EXPECT_EQ(drawn("\xf4\x8f\xbf\xbd\xf4\x8f\xbf\xbd 0.9"), drawn("#7 0.9")) << "a character that no font has";
  EXPECT_EQ(drawn("a\xff"), drawn("a?")) << "a byte that is no text";
  if (!has_letter("\xc3\xa9")) GTEST_SKIP() << "needs FreeType and fonts-dejavu-core";
  EXPECT_NE(drawn("V\xc3\xa9lo"), drawn("Vlo"));
  EXPECT_NE(drawn("V\xc3\xa9lo"), drawn("V\xc3\xa8lo"));
  const std::vector<LabelledBox> wide{{{60, 60, 200, 200}, 7, std::string(200, 'x') + "\xc3\xa9", true}};
  EXPECT_LE(label_places(320, 320, wide)[0].x2, 320);
}

}  // namespace
}  // namespace quench::data
