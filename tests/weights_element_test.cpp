#include <gtest/gtest.h>

#include <bit>
#include <cmath>

#include "core/error.h"
#include "core/half.h"
#include "weights/element.h"
#include "weights_samples.h"

namespace quench::weights {
namespace {

using samples::little;

// All 65536 values against the definition of binary16: (-1)^s 2^(e-15) (1 + f/1024), subnormals 2^-14 f/1024.
TEST(Half, EveryValueIsThatOfTheDefinition) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const int sign = bits >> 15 ? -1 : 1;
    const int exponent = static_cast<int>(bits >> 10 & 31);
    const int fraction = static_cast<int>(bits & 1023);
    const float got = float_from_half(static_cast<uint16_t>(bits));
    EXPECT_EQ(std::signbit(got), sign < 0) << bits;
    if (exponent == 31) {
      EXPECT_EQ(std::isnan(got), fraction != 0) << bits;
      EXPECT_EQ(std::isinf(got), fraction == 0) << bits;
      continue;
    }
    const double wanted = exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
    EXPECT_EQ(static_cast<double>(got), sign * wanted) << bits;
  }
}

#ifdef __FLT16_MANT_DIG__
// And against the compiler's own type, NaN bits too.
TEST(Half, EveryValueIsThatOfTheCompiler) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float wanted = static_cast<float>(std::bit_cast<_Float16>(static_cast<uint16_t>(bits)));
    const float got = float_from_half(static_cast<uint16_t>(bits));
    if (std::isnan(wanted)) {
      EXPECT_TRUE(std::isnan(got)) << bits;
    } else {
      EXPECT_EQ(std::bit_cast<uint32_t>(got), std::bit_cast<uint32_t>(wanted)) << bits;
    }
  }
}
#endif

TEST(Bfloat16, EveryValueIsThatOfTheDefinition) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const int exponent = static_cast<int>(bits >> 7 & 255);
    const int fraction = static_cast<int>(bits & 127);
    const float got = float_from_bfloat16(static_cast<uint16_t>(bits));
    EXPECT_EQ(std::signbit(got), bits >> 15 != 0) << bits;
    if (exponent == 255) {
      EXPECT_EQ(std::isnan(got), fraction != 0) << bits;
      continue;
    }
    const double wanted = exponent == 0 ? std::ldexp(fraction, -133) : std::ldexp(128 + fraction, exponent - 134);
    EXPECT_EQ(std::abs(static_cast<double>(got)), wanted) << bits;
  }
}

std::string storage_of_12() {
  std::string bytes;
  for (int i = 0; i < 12; ++i) bytes += little(static_cast<float>(i));
  return bytes;
}

std::vector<float> read(const View& view) {
  const Tensor tensor = read_elements(Element::f32, storage_of_12(), view, "test");
  EXPECT_EQ(tensor.shape(), view.sizes);
  return {tensor.values<float>().begin(), tensor.values<float>().end()};
}

TEST(Elements, ViewsAreReadInRowMajorOrder) {
  EXPECT_EQ(read({0, {2, 3}, {3, 1}}), (std::vector<float>{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(read({0, {3, 2}, {1, 3}}), (std::vector<float>{0, 3, 1, 4, 2, 5}));  // transposed
  EXPECT_EQ(read({1, {2, 2}, {6, 2}}), (std::vector<float>{1, 3, 7, 9}));        // sliced
  EXPECT_EQ(read({0, {2, 3, 2}, {1, 4, 2}}), (std::vector<float>{0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11}));
  EXPECT_EQ(read({11, {}, {}}), (std::vector<float>{11}));  // a scalar
  EXPECT_EQ(read({12, {0, 5}, {5, 1}}), std::vector<float>{});
  EXPECT_EQ(read({3, {1, 2}, {INT64_MAX, 1}}), (std::vector<float>{3, 4}));  // the stride of one row does not matter
  EXPECT_EQ(read(contiguous_view({2, 2, 3})).size(), 12u);
}

TEST(Elements, EveryTypeIsWidened) {
  const auto one = [](Element element, const std::string& bytes) {
    return read_elements(element, bytes, contiguous_view({1}), "test");
  };
  EXPECT_EQ(one(Element::f16, little<uint16_t>(0xC000)), Tensor::from(std::vector<float>{-2}, {1}));
  EXPECT_EQ(one(Element::bf16, little<uint16_t>(0x4049)), Tensor::from(std::vector<float>{3.140625f}, {1}));
  EXPECT_EQ(one(Element::f64, little(0.1)), Tensor::from(std::vector<float>{0.1f}, {1}));
  EXPECT_EQ(one(Element::boolean, "\x02"), Tensor::from(std::vector<uint8_t>{1}, {1}));
  EXPECT_EQ(one(Element::u8, "\xFF"), Tensor::from(std::vector<uint8_t>{255}, {1}));
  EXPECT_EQ(one(Element::i8, "\xFF"), Tensor::from(std::vector<int8_t>{-1}, {1}));
  EXPECT_EQ(one(Element::i16, little<int16_t>(-300)), Tensor::from(std::vector<int32_t>{-300}, {1}));
  EXPECT_EQ(one(Element::i32, little<int32_t>(-70000)), Tensor::from(std::vector<int32_t>{-70000}, {1}));
  EXPECT_EQ(one(Element::i64, little<int64_t>(1) + "x"), Tensor::from(std::vector<int64_t>{1}, {1}));
}

TEST(Elements, ViewsThatLeaveTheStorageAreRefused) {
  const View wrong[] = {
      {0, {13}, {1}},
      {1, {12}, {1}},
      {0, {2, 3}, {10, 1}},
      {-1, {2}, {1}},
      {0, {2}, {-1}},
      {0, {-2}, {1}},
      {13, {0}, {1}},
      {0, {3}, {INT64_MAX / 2}},
      {0, {2, 2}, {1}},
      {0, {1000}, {0}},  // repeats would make much of little
      {0, {INT64_MAX, 4}, {1, 1}},
      {0, {int64_t{1} << 40}, {0}},
      {INT64_MAX, {2}, {1}},
      {0, Shape(20, 1), Shape(20, 1)},
  };
  for (const View& view : wrong) {
    try {
      read_elements(Element::f32, storage_of_12(), view, "test");
      ADD_FAILURE() << to_string(view.sizes);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::data) << error.what();
    }
  }
}

}  // namespace
}  // namespace quench::weights
