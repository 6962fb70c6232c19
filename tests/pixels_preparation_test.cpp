// How pictures are prepared for models of others. Numbers of "Golden" are those of Pillow 11.3.0 by way of torchvision
// 0.29.2 (`Resize(s, filter)`, `CenterCrop(c)` of a PIL image), and of OpenCV 5.0 (`cv2.resize`, INTER_LINEAR).
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/rng.h"
#include "error_testing.h"
#include "pixels/fit.h"
#include "pixels/resample.h"

namespace quench::pixels {
namespace {

using Values = std::vector<int>;

Tensor pattern(int height, int width) {
  Tensor out(DType::u8, {height, width, 3});
  uint8_t* to = out.mutable_values<uint8_t>().data();
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < 3; ++c) *to++ = static_cast<uint8_t>((x * x * 37 + y * 91 + c * 53 + x * y * 11) % 256);
    }
  }
  return out;
}

Values bytes_of(const Tensor& image) {
  const auto values = image.values<uint8_t>();
  return {values.begin(), values.end()};
}

Values made(int height, int width, int crop, const Preparation& preparation) {
  return bytes_of(fit_image(pattern(height, width), crop, preparation));
}

Preparation short_side(Resampling filter, int side, int crop) { return {Shaping::short_side, filter, side, crop}; }

TEST(Preparation, GoldenOfAntialiasedFilters) {
  // 9 x 14 shrinks to 4 x 6, of which 3 x 3 are kept: from row 0 and column 2 (halves go to even).
  EXPECT_EQ(made(9, 14, 3, short_side(Resampling::bilinear_antialias, 4, 3)),
            (Values{125, 123, 108, 135, 133, 114, 100, 141, 162, 123, 124, 125, 109, 133,
                    117, 143, 88,  98,  128, 117, 136, 112, 151, 123, 118, 139, 125}));
  EXPECT_EQ(made(9, 14, 3, short_side(Resampling::bicubic_antialias, 4, 3)),
            (Values{124, 120, 104, 137, 133, 113, 96,  145, 170, 124, 130, 126, 105, 139,
                    114, 152, 78,  86,  131, 108, 135, 105, 156, 124, 117, 146, 127}));
  EXPECT_EQ(made(9, 14, 3, short_side(Resampling::lanczos_antialias, 4, 3)),
            (Values{121, 118, 103, 136, 131, 116, 93,  145, 174, 125, 131, 127, 105, 144,
                    111, 158, 77,  82,  134, 104, 131, 101, 157, 123, 120, 147, 129}));
  // 3 x 5 grows to 4 x 6, of which 4 x 4 are kept.
  EXPECT_EQ(made(3, 5, 4, short_side(Resampling::bilinear_antialias, 1, 1)),
            (Values{28,  81,  134, 102, 155, 208, 118, 171, 224, 78,  131, 184, 90,  143, 196, 76,
                    129, 182, 99,  152, 138, 157, 170, 103, 164, 145, 174, 102, 115, 168, 91,  144,
                    130, 156, 169, 102, 226, 87,  76,  169, 116, 169, 98,  151, 204, 75,  128, 181}));
  EXPECT_EQ(made(3, 5, 4, short_side(Resampling::bicubic_antialias, 4, 4)),
            (Values{15,  68,  121, 114, 167, 219, 131, 183, 242, 65,  121, 186, 87,  156, 213, 62,
                    123, 188, 92,  153, 126, 174, 187, 89,  183, 155, 187, 90,  100, 170, 74,  143,
                    117, 173, 187, 88,  241, 66,  60,  180, 113, 178, 90,  161, 220, 63,  119, 184}));
}

TEST(Preparation, GoldenOfTheSquareByOpenCV) {
  EXPECT_EQ(made(9, 14, 4, {Shaping::square, Resampling::bilinear}),
            (Values{118, 171, 124, 98,  131, 100, 132, 165, 78,  118, 171, 164, 192, 161, 74,  111,
                    136, 161, 33,  86,  135, 203, 32,  85,  174, 227, 56,  120, 146, 198, 94,  147,
                    172, 95,  148, 201, 123, 177, 69,  106, 159, 72,  136, 176, 90,  212, 105, 62}));
}

// One row of four becomes two: a triangle of support 2 around 1 has 3/4, 3/4, 1/4 of the sources 0, 1, 2, whose sum
// is 7/4.
TEST(Preparation, TheTriangleInClosedForm) {
  const std::vector<uint8_t> row{0, 0, 0, 70, 7, 1, 140, 14, 2, 210, 21, 3};
  std::vector<uint8_t> out(6);
  resample({row.data(), 1, 4, 12}, Resampling::bilinear_antialias, {1, 2, 0, 0, 1, 2}, out.data(), 6);
  EXPECT_EQ(out, (std::vector<uint8_t>{50, 5, 1, 160, 16, 2}));
  // A part of the result is that part.
  resample({row.data(), 1, 4, 12}, Resampling::bilinear_antialias, {1, 2, 0, 1, 1, 1}, out.data(), 3);
  EXPECT_EQ(out[0], 160);
  EXPECT_THROW(resample({row.data(), 1, 4, 12}, Resampling::own, {1, 2, 0, 0, 1, 2}, out.data(), 6), Error);
}

// Laws: one colour stays as it is, and so does a picture of the size that is wanted.
TEST(Preparation, ColoursAndSizesThatFitStay) {
  for (const Resampling filter :
       {Resampling::bilinear_antialias, Resampling::bicubic_antialias, Resampling::lanczos_antialias}) {
    for (const auto& [height, width] : std::vector<std::pair<int, int>>{{97, 31}, {3, 200}, {1, 1}, {32, 32}}) {
      Tensor one(DType::u8, {height, width, 3});
      std::ranges::fill(one.mutable_values<uint8_t>(), 201);
      for (const int value : bytes_of(fit_image(one, 32, {Shaping::short_side, filter, 256, 224}))) {
        ASSERT_EQ(value, 201) << height << "x" << width;
      }
    }
    EXPECT_EQ(made(32, 32, 32, {Shaping::stretch, filter}), bytes_of(pattern(32, 32)));
  }
}

TEST(Preparation, CropsHaveZerosAroundSmallPictures) {
  const Tensor picture = pattern(2, 5);
  const Preparation none{.shaping = Shaping::none};
  const Tensor out = fit_image(picture, 4, none);
  const auto values = out.values<uint8_t>(), source = picture.values<uint8_t>();
  for (int y = 0; y < 4; ++y) {
    for (int x = 0; x < 4; ++x) {
      // One row of zeros above and below; of the five columns the first four: (5 - 4) / 2 goes to 0.
      const int wanted = y == 0 || y == 3 ? 0 : source[static_cast<size_t>(3 * ((y - 1) * 5 + x))];
      EXPECT_EQ(values[static_cast<size_t>(3 * (4 * y + x))], wanted) << y << "," << x;
    }
  }
  // (7 - 4) / 2 goes to 2.
  EXPECT_EQ(made(4, 7, 4, none)[0], bytes_of(pattern(4, 7))[6]);
  // A side that is smaller than the crop leaves zeros too.
  const Values small = made(8, 8, 8, short_side(Resampling::bilinear_antialias, 4, 8));
  EXPECT_EQ(small[0], 0);
  EXPECT_NE(small[static_cast<size_t>(3 * (8 * 3 + 3))], 0);
}

TEST(Preparation, SidesFollowTheModelsInput) {
  // 256 of 224 at 32 pixels: 36.57, so 37.
  EXPECT_EQ(made(90, 60, 32, short_side(Resampling::bilinear_antialias, 256, 224)),
            made(90, 60, 32, short_side(Resampling::bilinear_antialias, 37, 32)));
  EXPECT_NE(made(90, 60, 32, short_side(Resampling::bilinear_antialias, 256, 224)),
            made(90, 60, 32, short_side(Resampling::bilinear_antialias, 1, 1)));
}

// A long side of hundreds of millions of pixels is never made.
TEST(Preparation, ExtremeProportionsAreOnlyTheirCentre) {
  for (const auto& [height, width] : std::vector<std::pair<int, int>>{{1, 60000}, {60000, 1}}) {
    for (const Resampling filter : {Resampling::bilinear_antialias, Resampling::lanczos_antialias}) {
      EXPECT_EQ(made(height, width, 16, short_side(filter, 8192, 1)).size(), 768u);
    }
  }
}

TEST(Preparation, TheDefaultIsWhatItWas) {
  EXPECT_EQ(made(50, 70, 24, {}), bytes_of(fit_image(pattern(50, 70), 24)));
  EXPECT_NE(made(50, 70, 24, {}), made(50, 70, 24, {.resampling = Resampling::bilinear_antialias}));
  EXPECT_TRUE(Preparation{}.is_own());
  EXPECT_EQ(to_text({}), "");
  EXPECT_TRUE(preparation_from("", "x").is_own());
}

TEST(Preparation, TextsGoBothWays) {
  for (const Preparation& one :
       {Preparation{.resampling = Resampling::bilinear_antialias}, short_side(Resampling::bicubic_antialias, 256, 224),
        Preparation{Shaping::square, Resampling::bilinear},
        Preparation{Shaping::stretch, Resampling::lanczos_antialias}, Preparation{.shaping = Shaping::none}}) {
    EXPECT_EQ(preparation_from(to_text(one), "x"), one) << to_text(one);
    EXPECT_FALSE(one.is_own());
    EXPECT_FALSE(described(one).empty());
  }
  EXPECT_EQ(to_text(short_side(Resampling::bilinear_antialias, 256, 224)),
            R"({"shape":"short_side","filter":"bilinear_antialias","side":256,"crop":224})");
}

TEST(Preparation, OtherTextsAreRefused) {
  const std::string good = to_text(short_side(Resampling::bilinear_antialias, 256, 224));
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    return text.replace(text.find(from), from.size(), to);
  };
  for (const std::string& text :
       {std::string("x"), std::string("[]"), std::string("{}"), with("short_side", "long_side"),
        with("bilinear_antialias", "nearest"), with("bilinear_antialias", "bilinear"), with("256", "0"),
        with("256", "9000"), with("256", "-1"), with("256", "1.5"), with("224", "\"a\""), with("256", "1e30"),
        with("bilinear_antialias", "own"), with("}", ",\"more\":1}")}) {
    const auto [kind, message] = error_of([&] { preparation_from(text, "here"); });
    EXPECT_EQ(kind, ErrorKind::data) << text;
    EXPECT_NE(message.find("here"), std::string::npos) << message;
  }
  const auto [kind, message] = error_of([] { fit_image(pattern(3, 3), 2, {.resampling = Resampling::bilinear}); });
  EXPECT_EQ(kind, ErrorKind::config);
  EXPECT_NE(message.find("shape short_side, filter bilinear"), std::string::npos) << message;
}

}  // namespace
}  // namespace quench::pixels
