// From pictures to a model's input in one pass: the bytes of the two passes, whatever the sizes.
#include <gtest/gtest.h>

#include <limits>

#include "canvas_testing.h"
#include "core/rng.h"
#include "error_testing.h"
#include "pixels/planes.h"

namespace quench::pixels {
namespace {

Tensor noise_picture(int height, int width, uint64_t seed) {
  Rng rng(seed, "noise");
  Tensor out(DType::u8, {height, width, 3});
  for (uint8_t& value : out.mutable_values<uint8_t>()) value = static_cast<uint8_t>(rng.below(256));
  return out;
}

/// Of what stood there before nothing may be left.
Tensor used(DType dtype, int height, int width) {
  Tensor out(dtype, {1, 3, height, width});
  if (dtype == DType::u8) {
    for (uint8_t& value : out.mutable_values<uint8_t>()) value = 3;
  } else {
    for (float& value : out.mutable_values<float>()) value = std::numeric_limits<float>::quiet_NaN();
  }
  return out;
}

/// The nearest float to each value / 255, by way of double.
Tensor in_floats(const Tensor& bytes) {
  Tensor out(DType::f32, bytes.shape());
  for (int64_t i = 0; i < bytes.size(); ++i) {
    out.mutable_values<float>()[static_cast<size_t>(i)] =
        static_cast<float>(static_cast<double>(bytes.values<uint8_t>()[static_cast<size_t>(i)]) / 255.0);
  }
  return out;
}

TEST(CanvasPlanes, HasTheBytesOfTwoPasses) {
  CanvasPlanes one;
  struct Size {
    int height, width;
  };
  // Thirds (a pixel picked), halves, the size itself, enlarged, even shares, odd ones, one pixel, thin ones.
  for (const auto& [height, width] :
       {Size{108, 192}, Size{72, 128}, Size{36, 64}, Size{30, 20}, Size{216, 384}, Size{61, 97}, Size{97, 61},
        Size{1, 1}, Size{1, 300}, Size{300, 1}, Size{2, 3}, Size{320, 64}, Size{64, 64}, Size{128, 128}}) {
    const Tensor picture = noise_picture(height, width, 1);
    for (const auto& [canvas_height, canvas_width] : {Size{64, 64}, Size{32, 96}, Size{65, 33}}) {
      const Letterbox fitted = letterbox(height, width, canvas_height, canvas_width);
      const Tensor wanted = to_planar(on_canvas(picture, fitted));
      Tensor bytes = used(DType::u8, canvas_height, canvas_width);
      Tensor floats = used(DType::f32, canvas_height, canvas_width);
      one.fill(picture, fitted, bytes);
      one.fill(picture, fitted, floats);
      EXPECT_EQ(bytes, wanted) << height << "x" << width << " on " << canvas_height << "x" << canvas_width;
      EXPECT_EQ(floats, in_floats(wanted)) << height << "x" << width;
      one.fill(noise_picture(height, width, 2), fitted,
               bytes);  // its tables are kept, the rows of the picture before are not
      EXPECT_EQ(bytes, to_planar(on_canvas(noise_picture(height, width, 2), fitted))) << height << "x" << width;
    }
  }
}

TEST(CanvasPlanes, RefusesWhatDoesNotFit) {
  const Letterbox fitted = letterbox(4, 8, 16, 16);
  CanvasPlanes one;
  const auto message = [&](const Tensor& picture, Tensor input) {
    const auto [kind, text] = error_of([&] { one.fill(picture, fitted, input); });
    EXPECT_EQ(kind, ErrorKind::internal);
    return text;
  };
  EXPECT_NE(message(noise_picture(8, 4, 1), Tensor(DType::u8, {1, 3, 16, 16})).find("[8,4,3]"), std::string::npos);
  EXPECT_NE(message(noise_picture(4, 8, 1), Tensor(DType::u8, {1, 3, 16, 8})).find("[1,3,16,8]"), std::string::npos);
  EXPECT_NE(message(noise_picture(4, 8, 1), Tensor(DType::i32, {1, 3, 16, 16})).find("int32"), std::string::npos);
  EXPECT_NE(message(noise_picture(4, 8, 1), Tensor(DType::u8, {2, 3, 16, 16})).find("[2,3,16,16]"), std::string::npos);
}

TEST(Planes, OfAnImage) {
  const Tensor image = noise_picture(5, 37, 3);
  const Tensor wanted = to_planar(image.reshaped({1, 5, 37, 3}));
  for (int i = 0; i < 5 * 37 * 3; ++i) {
    EXPECT_EQ(wanted.values<uint8_t>()[static_cast<size_t>(i % 3 * 5 * 37 + i / 3)], image.values<uint8_t>()[i]);
  }
  Tensor bytes = used(DType::u8, 5, 37), floats = used(DType::f32, 5, 37);
  to_planes(image, bytes);
  to_planes(image.reshaped({1, 5, 37, 3}), floats);
  EXPECT_EQ(bytes, wanted);
  EXPECT_EQ(floats, in_floats(wanted));
  const auto refused = [&](const Tensor& picture) { return error_of([&] { to_planes(picture, bytes); }).first; };
  EXPECT_EQ(refused(noise_picture(37, 5, 3)), ErrorKind::internal);
  EXPECT_EQ(refused(Tensor(DType::f32, {5, 37, 3})), ErrorKind::internal);
}

}  // namespace
}  // namespace quench::pixels
