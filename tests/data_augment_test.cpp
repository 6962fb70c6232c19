#include <cmath>
#include <cstring>
#include <map>
#include <opencv2/imgproc.hpp>
#include <set>
#include <string>

#include "core/hash.h"
#include "data/augmentation/augment.h"
#include "data/sets/shapes.h"
#include "data_testing.h"

namespace quench::data {
namespace {

using quench::testing::expect_error;

// ---- resizing, against OpenCV

Tensor noise(int height, int width, uint64_t seed) {
  Tensor out(DType::u8, {height, width, 3});
  Rng rng(seed, "test");
  for (uint8_t& value : out.mutable_values<uint8_t>()) value = static_cast<uint8_t>(rng.below(256));
  return out;
}

cv::Mat as_mat(const Tensor& image) {
  return cv::Mat(static_cast<int>(image.shape()[0]), static_cast<int>(image.shape()[1]), CV_8UC3,
                 const_cast<uint8_t*>(image.values<uint8_t>().data()))
      .clone();
}

int largest_difference(const Tensor& ours, const cv::Mat& theirs) {
  EXPECT_EQ(ours.shape(), (Shape{theirs.rows, theirs.cols, 3}));
  return static_cast<int>(cv::norm(as_mat(ours), theirs, cv::NORM_INF));
}

TEST(FitImage, EnlargingIsOpenCvsBilinear) {
  for (const auto& [from, to] : std::vector<std::pair<int, int>>{
           {32, 64}, {28, 64}, {28, 56}, {32, 33}, {1, 2}, {1, 7}, {2, 4}, {2, 9}, {31, 224}, {100, 101}}) {
    const Tensor image = noise(from, from, 1);
    cv::Mat expected;
    cv::resize(as_mat(image), expected, {to, to}, 0, 0, cv::INTER_LINEAR);
    EXPECT_LE(largest_difference(fit_image(image, to), expected), 1) << from << " to " << to;
  }
}

TEST(FitImage, ShrinkingIsOpenCvsArea) {
  for (const auto& [from, to] :
       std::vector<std::pair<int, int>>{{64, 32}, {64, 1}, {64, 28}, {65, 64}, {300, 224}, {97, 13}, {5, 3}, {2, 1}}) {
    const Tensor image = noise(from, from, 2);
    cv::Mat expected;
    cv::resize(as_mat(image), expected, {to, to}, 0, 0, cv::INTER_AREA);
    EXPECT_LE(largest_difference(fit_image(image, to), expected), 1) << from << " to " << to;
  }
}

TEST(FitImage, ShortSideFitsAndTheCentreStays) {
  for (const auto& [height, width, imgsz] : std::vector<std::tuple<int, int, int>>{
           {40, 60, 80}, {60, 40, 80}, {40, 60, 40}, {90, 60, 20}, {33, 70, 24}, {1, 300, 8}, {31, 32, 64}}) {
    const Tensor image = noise(height, width, 3);
    const int shorter = std::min(height, width);
    const int rows = static_cast<int>(std::floor(static_cast<double>(height) * imgsz / shorter + 0.5));
    const int cols = static_cast<int>(std::floor(static_cast<double>(width) * imgsz / shorter + 0.5));
    cv::Mat whole;
    cv::resize(as_mat(image), whole, {cols, rows}, 0, 0, shorter > imgsz ? cv::INTER_AREA : cv::INTER_LINEAR);
    const cv::Mat expected = whole(cv::Rect((cols - imgsz) / 2, (rows - imgsz) / 2, imgsz, imgsz));
    EXPECT_LE(largest_difference(fit_image(image, imgsz), expected), 1) << height << "x" << width << " to " << imgsz;
  }
  EXPECT_EQ(fit_image(noise(9, 9, 4), 9), noise(9, 9, 4));
  expect_error(ErrorKind::data, {"[h,w,3]"}, [] { fit_image(Tensor(DType::u8, {4, 4}), 8); });
  expect_error(ErrorKind::config, {"got 0"}, [] { fit_image(noise(4, 4, 0), 0); });
}

TEST(FitImage, OneFitterServesManySizes) {
  Fitter fitter(20);
  for (int side : {10, 30, 10, 7, 20, 40}) {
    const Tensor image = noise(side, side + 3, 5);
    Tensor out(DType::u8, {20, 20, 3});
    fitter.fit(image.values<uint8_t>().data(), side, side + 3, out.mutable_values<uint8_t>().data());
    EXPECT_EQ(out, fit_image(image, 20)) << side;
  }
}

// ---- operations, against Pillow

Picture source_picture() {  // 20x16, from a linear congruential generator
  Picture picture;
  picture.resize(16, 20);
  uint32_t state = 12345;
  for (int i = 0; i < 16 * 20; ++i) {
    for (int c = 0; c < 3; ++c) {
      state = (state * 1103515245u + 12345u) & 0x7fffffffu;
      picture.pixels[static_cast<size_t>(3 * i + c)] =
          static_cast<uint8_t>(20 + (i * (c + 2) + static_cast<int>((state >> 16) % 60)) % 200);
    }
  }
  return picture;
}

// First 16 digits of the sha256 of the pixels that Pillow 9.4.0 makes: ImageEnhance.*.enhance, ImageOps.*,
// Image.transform(AFFINE) and Image.rotate, nearest.
const std::map<std::string, std::string>& golden() {
  static const std::map<std::string, std::string> values{
      {"source", "b6fc7fd94e92cd38"},         {"brightness 0.1", "fc6268f57fca1dcc"},
      {"color 0.1", "471a90224e714c70"},      {"contrast 0.1", "bcb2b843e300c15f"},
      {"sharpness 0.1", "2f0842335cfeb02c"},  {"brightness 0.55", "084f3f1a2c3c6a26"},
      {"color 0.55", "267088aa34d98ee8"},     {"contrast 0.55", "9bb165c21d0dea1f"},
      {"sharpness 0.55", "25e17dd30a86d8a2"}, {"brightness 1", "b6fc7fd94e92cd38"},
      {"color 1", "b6fc7fd94e92cd38"},        {"contrast 1", "b6fc7fd94e92cd38"},
      {"sharpness 1", "b6fc7fd94e92cd38"},    {"brightness 1.9", "4a1ff776a6406f93"},
      {"color 1.9", "0ae1a189bb03638b"},      {"contrast 1.9", "5a468eb3b12b6c1f"},
      {"sharpness 1.9", "228f18ddf155b484"},  {"posterize 2", "f3e2bcaba90eefd6"},
      {"posterize 4", "0c421d1b3722b7ed"},    {"posterize 8", "b6fc7fd94e92cd38"},
      {"solarize 0", "bc67de3d83bb4d7f"},     {"solarize 96", "e4e7a090d9c02979"},
      {"solarize 255", "b6fc7fd94e92cd38"},   {"autocontrast 0", "7904a165b0734820"},
      {"equalize 0", "8bf6312b7182735e"},     {"shear_x -0.5", "6adbdec6a644cdf5"},
      {"shear_y -0.5", "74e73272d32ef1e4"},   {"shear_x 0.25", "74281391ee625621"},
      {"shear_y 0.25", "8c19d41a4aeec5fb"},   {"shear_x 0.99", "957e2ed627337203"},
      {"shear_y 0.99", "9dbc4c999eb7bb5e"},   {"translate_x -5", "41b12ea496ba4141"},
      {"translate_y -5", "8d006998712d3fba"}, {"translate_x 3", "6c09ea98b963284f"},
      {"translate_y 3", "4e032fe9a6e8759c"},  {"rotate -100", "c008ef11ffd86a51"},
      {"rotate 30", "7df6844c9f3150c2"},      {"rotate 90", "130d6f06ddad9b9b"},
  };
  return values;
}

TEST(Operations, GiveThePixelsOfPillow) {
  for (const auto& [call, expected] : golden()) {
    Picture picture = source_picture();
    std::vector<uint8_t> scratch;
    const std::string name = call.substr(0, call.find(' '));
    const double value = call == name ? 0 : std::stod(call.substr(name.size()));
    if (name == "brightness") adjust_brightness(picture, value);
    if (name == "color") adjust_color(picture, value);
    if (name == "contrast") adjust_contrast(picture, value);
    if (name == "sharpness") adjust_sharpness(picture, value, scratch);
    if (name == "posterize") posterize(picture, static_cast<int>(value));
    if (name == "solarize") solarize(picture, value);
    if (name == "autocontrast") autocontrast(picture);
    if (name == "equalize") equalize(picture);
    if (name == "shear_x") warp(picture, {1, value, 0, 0, 1, 0}, scratch);
    if (name == "shear_y") warp(picture, {1, 0, 0, value, 1, 0}, scratch);
    if (name == "translate_x") warp(picture, {1, 0, value, 0, 1, 0}, scratch);
    if (name == "translate_y") warp(picture, {1, 0, 0, 0, 1, value}, scratch);
    if (name == "rotate") warp(picture, rotation(value, picture.height, picture.width), scratch);
    const std::string text(picture.pixels.begin(), picture.pixels.end());
    EXPECT_EQ(sha256_hex(text).substr(0, 16), expected) << call;
  }
}

TEST(Operations, FlatImagesStay) {
  Picture flat;
  flat.resize(8, 8);
  std::fill(flat.pixels.begin(), flat.pixels.end(), uint8_t{77});
  for (const auto& operation : {autocontrast, equalize}) {
    Picture copy = flat;
    operation(copy);
    EXPECT_EQ(copy.pixels, flat.pixels);
  }
}

// ---- policies and the whole augmenter

template <typename Policy>
size_t different_results(Policy&& policy) {
  std::set<std::string> results;
  for (uint64_t i = 0; i < 300; ++i) {
    Picture picture = source_picture();
    Rng rng(1, "test", 0, i);
    policy(picture, rng);
    EXPECT_EQ(picture.pixels.size(), source_picture().pixels.size());
    results.emplace(picture.pixels.begin(), picture.pixels.end());
  }
  return results.size();
}

TEST(Policies, AreVariedAndSeeded) {
  std::vector<uint8_t> scratch;
  EXPECT_GT(different_results([&](Picture& p, Rng& rng) { trivial_augment(p, rng, scratch); }), 100);
  EXPECT_GT(different_results([&](Picture& p, Rng& rng) { rand_augment(p, 2, 9, rng, scratch); }), 100);
  EXPECT_EQ(different_results([&](Picture& p, Rng& rng) { rand_augment(p, 0, 9, rng, scratch); }), 1);
  Picture a = source_picture(), b = source_picture();
  Rng first(3, "x"), second(3, "x");
  trivial_augment(a, first, scratch);
  trivial_augment(b, second, scratch);
  EXPECT_EQ(a.pixels, b.pixels);
}

TEST(Erasing, ChangesOneRectangleOfTheRightArea) {
  double mean_share = 0;
  for (uint64_t i = 0; i < 200; ++i) {
    Picture picture;
    picture.resize(64, 64);
    Rng rng(0, "erase", i);
    erase_random(picture, rng);
    int left = 64, right = -1, top = 64, bottom = -1, changed = 0;
    for (int y = 0; y < 64; ++y) {
      for (int x = 0; x < 64; ++x) {
        const uint8_t* p = picture.pixels.data() + 3 * (y * 64 + x);
        if (!(p[0] | p[1] | p[2])) continue;
        left = std::min(left, x), right = std::max(right, x), top = std::min(top, y), bottom = std::max(bottom, y);
        ++changed;
      }
    }
    const int box = (right - left + 1) * (bottom - top + 1);
    EXPECT_NEAR(changed, box, 3) << "noise pixels are black once in 2^24";
    EXPECT_GE(box, 0.015 * 4096);
    EXPECT_LE(box, 0.36 * 4096);
    mean_share += box / 4096.0 / 200;
  }
  EXPECT_NEAR(mean_share, 0.175, 0.03);
}

AugmentSettings plain() { return AugmentSettings::from(Json{{"crop_padding", 0}, {"flip", false}}); }

std::vector<uint8_t> augmented(const AugmentSettings& settings, const Tensor& image, int imgsz, uint64_t draw) {
  Augmenter augmenter(settings, imgsz);
  std::vector<uint8_t> out(static_cast<size_t>(imgsz) * imgsz * 3);
  Rng rng(0, "augment", 0, draw);
  augmenter.make(image, true, rng, out.data());
  return out;
}

TEST(Augmenter, WithEverythingOffItFits) {
  for (const auto& [h, w, imgsz] : std::vector<std::tuple<int, int, int>>{{32, 32, 64}, {64, 64, 64}, {90, 70, 40}}) {
    const Tensor image = noise(h, w, 6);
    const Tensor expected = fit_image(image, imgsz);
    const auto values = expected.values<uint8_t>();
    EXPECT_EQ(augmented(plain(), image, imgsz, 0), std::vector<uint8_t>(values.begin(), values.end()));
  }
}

TEST(Augmenter, CropAndFlipAreEveryShiftOfThePaddedImage) {
  const int side = 6, padding = 2;
  const Tensor image = noise(side, side, 7);
  std::map<std::string, int> expected;  // all 5 x 5 x 2
  for (int dy = -padding; dy <= padding; ++dy) {
    for (int dx = -padding; dx <= padding; ++dx) {
      for (bool flip : {false, true}) {
        std::vector<uint8_t> out(side * side * 3, 0);
        for (int y = 0; y < side; ++y) {
          for (int x = 0; x < side; ++x) {
            const int sy = y + dy, sx = (flip ? side - 1 - x : x) + dx;
            if (sy < 0 || sy >= side || sx < 0 || sx >= side) continue;
            for (int c = 0; c < 3; ++c) out[3 * (y * side + x) + c] = image.values<uint8_t>()[3 * (sy * side + sx) + c];
          }
        }
        expected[std::string(out.begin(), out.end())] = 0;
      }
    }
  }
  ASSERT_EQ(expected.size(), 50);
  const auto settings = AugmentSettings::from(Json{{"crop_padding", padding}, {"flip", true}});
  for (uint64_t draw = 0; draw < 5000; ++draw) {
    const std::vector<uint8_t> got = augmented(settings, image, side, draw);
    const auto found = expected.find(std::string(got.begin(), got.end()));
    ASSERT_NE(found, expected.end());
    ++found->second;
  }
  for (const auto& [pixels, count] : expected) EXPECT_NEAR(count, 100, 50);  // 5 standard deviations
}

TEST(Augmenter, CropWiderThanTheImage) {
  const auto settings = AugmentSettings::from(Json{{"crop_padding", 40}});
  for (uint64_t draw = 0; draw < 200; ++draw) augmented(settings, noise(8, 8, 1), 16, draw);
}

TEST(Augmenter, EachSwitchChangesTheImage) {
  const Tensor image = open_shapes().train->at(0).pixels;
  const auto unchanged = augmented(plain(), image, 64, 1);
  for (const auto& [key, value] : std::map<std::string, Json>{{"color_jitter", 0.5}, {"erasing", 1.0}}) {
    Json values{{"crop_padding", 0}, {"flip", false}};
    values[key] = value;
    EXPECT_NE(augmented(AugmentSettings::from(values), image, 64, 1), unchanged) << key;
  }
}

TEST(Augmenter, SettingsAreChecked) {
  expect_error(ErrorKind::config, {"crop_paddin"}, [] { AugmentSettings::from(Json{{"crop_paddin", 1}}); });
  expect_error(ErrorKind::config, {"policy"}, [] { AugmentSettings::from(Json{{"policy", "auto"}}); });
  EXPECT_EQ(AugmentSettings::from(Json()).crop_padding, 4);
}

}  // namespace
}  // namespace quench::data
