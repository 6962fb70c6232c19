#include <opencv2/imgproc.hpp>

#include "canvas_testing.h"
#include "core/json.h"
#include "core/rng.h"
#include "data/pictures/letterbox.h"
#include "data/sets/image_folder.h"
#include "data_testing.h"

namespace quench::data {
namespace {

namespace fs = std::filesystem;
using quench::testing::expect_error;

struct Case {
  int image_height, image_width, canvas_height, canvas_width;
  int height, width, top, left;
};

void expect_case(const Case& c, const Letterbox& box) {
  const auto name = fmt::format("{}x{} in {}x{}", c.image_height, c.image_width, c.canvas_height, c.canvas_width);
  EXPECT_EQ(box.image_height, c.image_height) << name;
  EXPECT_EQ(box.image_width, c.image_width) << name;
  EXPECT_EQ(box.canvas_height, c.canvas_height) << name;
  EXPECT_EQ(box.canvas_width, c.canvas_width) << name;
  EXPECT_EQ(box.height, c.height) << name;
  EXPECT_EQ(box.width, c.width) << name;
  EXPECT_EQ(box.top, c.top) << name;
  EXPECT_EQ(box.left, c.left) << name;
}

TEST(Letterbox, KnownSizes) {
  for (const Case& c : std::vector<Case>{
           {480, 640, 640, 640, 480, 640, 80, 0},
           {427, 640, 640, 640, 427, 640, 106, 0},  // 213 of padding: the odd pixel goes below
           {640, 427, 640, 640, 640, 427, 0, 106},  // and to the right
           {1080, 1920, 640, 640, 360, 640, 140, 0},
           {500, 333, 640, 640, 640, 426, 0, 107},   // grows by 1.28
           {427, 1280, 640, 640, 214, 640, 213, 0},  // 213.5 to even
           {429, 1280, 640, 640, 214, 640, 213, 0},  // 214.5 to even
           {1, 1, 640, 640, 640, 640, 0, 0},
           {1, 5000, 640, 640, 1, 640, 319, 0},  // 0.128 rows become one
           {5000, 1, 640, 320, 640, 1, 0, 159},
           {480, 640, 320, 640, 320, 427, 0, 106},  // a canvas that is not square
       }) {
    expect_case(c, letterbox(c.image_height, c.image_width, c.canvas_height, c.canvas_width));
  }
  EXPECT_DOUBLE_EQ(letterbox(500, 333, 640, 640).gain, 1.28);
  expect_case({100, 50, 640, 640, 100, 50, 270, 295}, letterbox(100, 50, 640, 640, false));
  EXPECT_EQ(letterbox(100, 50, 640, 640, false).gain, 1);
  EXPECT_EQ(letterbox(900, 1000, 640, 640, false), letterbox(900, 1000, 640, 640, true));
}

TEST(Letterbox, RectIsTheSmallestCanvas) {
  expect_case({480, 640, 480, 640, 480, 640, 0, 0}, rect_letterbox(480, 640, 640, 32));
  expect_case({427, 640, 448, 640, 427, 640, 10, 0}, rect_letterbox(427, 640, 640, 32));
  expect_case({500, 333, 640, 448, 640, 426, 0, 11}, rect_letterbox(500, 333, 640, 32));
  expect_case({1080, 1920, 384, 640, 360, 640, 12, 0}, rect_letterbox(1080, 1920, 640, 32));
  expect_case({50, 100, 64, 128, 50, 100, 7, 14}, rect_letterbox(50, 100, 100, 32));  // 100 is no multiple
  expect_case({5000, 1, 640, 32, 640, 1, 0, 15}, rect_letterbox(5000, 1, 640, 32));
  Rng rng(0, "rect");
  for (int i = 0; i < 1000; ++i) {
    const int height = 1 + static_cast<int>(rng.below(2000)), width = 1 + static_cast<int>(rng.below(2000));
    const int multiple = 1 << rng.below(7);
    const Letterbox box = rect_letterbox(height, width, 640, multiple);
    EXPECT_EQ(std::max(box.height, box.width), 640);
    EXPECT_EQ(box.canvas_height % multiple, 0);
    EXPECT_EQ(box.canvas_width % multiple, 0);
    EXPECT_LT(box.canvas_height - box.height, multiple);
    EXPECT_LT(box.canvas_width - box.width, multiple);
    EXPECT_GE(box.canvas_height, box.height);
    EXPECT_GE(box.canvas_width, box.width);
  }
}

TEST(Letterbox, ThereAndBackAgain) {
  Rng rng(1, "letterbox");
  for (int i = 0; i < 2000; ++i) {
    const int height = 1 + static_cast<int>(rng.below(3000)), width = 1 + static_cast<int>(rng.below(3000));
    const Letterbox box = i % 2 ? letterbox(height, width, 640, 384) : rect_letterbox(height, width, 640, 32);
    const double x = rng.uniform(0, width), y = rng.uniform(0, height);
    const Box original{x, y, rng.uniform(x, width), rng.uniform(y, height)};
    const Box canvas = box.to_canvas(original), back = box.to_image(canvas);
    EXPECT_GE(canvas.x1, 0);
    EXPECT_LE(canvas.x2, box.canvas_width + 0.5);  // the resized size is rounded
    EXPECT_GE(canvas.y1, 0);
    EXPECT_LE(canvas.y2, box.canvas_height + 0.5);
    EXPECT_NEAR(canvas.width(), original.width() * box.gain, 1e-9);
    for (double Box::*side : {&Box::x1, &Box::y1, &Box::x2, &Box::y2}) {
      EXPECT_NEAR(back.*side, original.*side, 1e-9);
    }
  }
}

TEST(Letterbox, BoxesAreClippedToTheImage) {
  const Letterbox box = letterbox(480, 640, 640, 640);
  EXPECT_EQ(box.to_image({-5, 0, 700, 640}), (Box{0, 0, 640, 480}));
  EXPECT_EQ(box.to_image({10, 10, 20, 20}), (Box{10, 0, 20, 0})) << "in the padding";
  EXPECT_EQ(box.to_image({10, 90, 20, 100}), (Box{10, 10, 20, 20}));
}

Tensor noise(int height, int width) {
  Tensor out(DType::u8, {height, width, 3});
  Rng rng(3, "test");
  for (uint8_t& value : out.mutable_values<uint8_t>()) value = static_cast<uint8_t>(rng.below(256));
  return out;
}

TEST(Letterbox, DrawsTheResizedImageInGray) {
  for (const Letterbox& box : {letterbox(33, 70, 64, 64), letterbox(70, 33, 64, 64), letterbox(64, 64, 64, 64),
                               letterbox(1, 1, 9, 13), letterbox(20, 10, 64, 48, false), letterbox(1, 300, 16, 16),
                               rect_letterbox(33, 70, 64, 32), letterbox(128, 100, 64, 64)}) {
    const Tensor image = noise(box.image_height, box.image_width);
    std::vector<uint8_t> out(static_cast<size_t>(box.canvas_height) * box.canvas_width * 3 + 1, 1);
    draw(image, box, out.data());
    EXPECT_EQ(out.back(), 1) << "wrote past the end";
    const cv::Mat source(box.image_height, box.image_width, CV_8UC3,
                         const_cast<uint8_t*>(image.values<uint8_t>().data()));
    cv::Mat expected(box.canvas_height, box.canvas_width, CV_8UC3, cv::Scalar(114, 114, 114)), resized;
    cv::resize(source, resized, {box.width, box.height}, 0, 0, cv::INTER_LINEAR);
    resized.copyTo(expected(cv::Rect(box.left, box.top, box.width, box.height)));
    const cv::Mat got(box.canvas_height, box.canvas_width, CV_8UC3, out.data());
    EXPECT_EQ(cv::norm(got, expected, cv::NORM_INF), 0) << box.image_height << "x" << box.image_width;
  }
}

// Models see the same bytes where there is no OpenCV: in the C++ library, on a device.
TEST(Letterbox, WithoutOpenCvItIsTheSameToTheBit) {
  Rng rng(7, "sizes");
  for (int i = 0; i < 400; ++i) {
    int height = 1 + static_cast<int>(rng.below(150)), width = 1 + static_cast<int>(rng.below(150));
    const int side = 32 * (1 + static_cast<int>(rng.below(4)));
    if (i % 7 == 0) height = width = 2 * side;  // means of 2x2
    if (i % 7 == 1) height = width = side / 2;
    if (i % 7 == 2) width = 2 * side, height = side;
    Tensor pixels(DType::u8, {height, width, 3});
    for (uint8_t& value : pixels.mutable_values<uint8_t>()) {
      value = static_cast<uint8_t>(i % 2 ? rng.below(256) : 255 * rng.below(2));
    }
    const Letterbox box = i % 3 ? letterbox(height, width, side, side) : rect_letterbox(height, width, side, 32);
    Tensor drawn(DType::u8, {1, box.canvas_height, box.canvas_width, 3});
    draw(pixels, box, drawn.mutable_values<uint8_t>().data());
    ASSERT_EQ(pixels::on_canvas(pixels, box), drawn) << height << "x" << width << " to " << side;
  }
}

TEST(Letterbox, BadSizes) {
  expect_error(ErrorKind::data, {"0x5"}, [] { letterbox(0, 5, 64, 64); });
  expect_error(ErrorKind::data, {"64x0"}, [] { letterbox(5, 5, 64, 0); });
  expect_error(ErrorKind::data, {"1 or more"}, [] { rect_letterbox(5, 5, 64, 0); });
  std::vector<uint8_t> out(64 * 64 * 3);
  expect_error(ErrorKind::internal, {"[5,6,3]"}, [&] { draw(noise(6, 5), letterbox(5, 6, 64, 64), out.data()); });
}

TEST(Letterbox, GoldenInputMean) {
  const fs::path shared = fs::path(QUENCH_SOURCE_DIR) / ".." / "shared" / "data";
  const fs::path golden = shared / "golden" / "yolov5n_loss_coco128_first8.json";
  if (!fs::exists(golden)) GTEST_SKIP() << "no " << golden;
  const Json expected = read_json(golden);
  std::vector<uint8_t> out(640 * 640 * 3);
  double sum = 0;
  for (const Json& name : expected.at("images")) {
    const Tensor image = read_image(shared / "coco128" / "images" / "train2017" / name.get<std::string>());
    draw(image, letterbox(static_cast<int>(image.shape()[0]), static_cast<int>(image.shape()[1]), 640, 640),
         out.data());
    for (uint8_t value : out) sum += value;
  }
  const double mean = sum / 255 / static_cast<double>(expected.at("images").size() * out.size());
  EXPECT_NEAR(mean, expected.at("input_mean").get<double>(), 1e-4);  // JPEG decoders differ by less
}

}  // namespace
}  // namespace quench::data
