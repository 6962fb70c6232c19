#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <vector>

#include "core/error.h"
#include "core/tensor.h"

namespace quench {
namespace {

ErrorKind kind_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.kind();
  }
  ADD_FAILURE() << "expected an Error";
  return ErrorKind::internal;
}

TEST(Tensor, IsZeroFilledAndAligned) {
  for (DType dtype : {DType::f32, DType::u8, DType::i8, DType::i32, DType::i64}) {
    const Tensor t(dtype, {3, 5});
    EXPECT_EQ(t.size(), 15);
    EXPECT_EQ(t.size_bytes(), 15 * size_of(dtype));
    EXPECT_EQ(reinterpret_cast<uintptr_t>(t.bytes()) % 64, 0u);
    for (size_t i = 0; i < t.size_bytes(); ++i) EXPECT_EQ(t.bytes()[i], std::byte{0});
  }
  EXPECT_EQ(Tensor(DType::f32, {}).size(), 1);  // a scalar
  EXPECT_TRUE(Tensor(DType::f32, {4, 0}).empty());
  EXPECT_TRUE(Tensor().empty());
}

TEST(Tensor, CopiesShareUntilOneIsWritten) {
  Tensor a = Tensor::from(std::vector<float>{1, 2, 3}, {3});
  Tensor b = a;
  EXPECT_EQ(a.bytes(), b.bytes());
  b.mutable_values<float>()[1] = 9;
  EXPECT_NE(a.bytes(), b.bytes());
  EXPECT_EQ(a.values<float>()[1], 2);
  EXPECT_EQ(b.values<float>()[1], 9);
  EXPECT_FALSE(a == b);
  const std::byte* alone = b.bytes();
  b.mutable_values<float>()[1] = 2;  // the only owner writes in place
  EXPECT_EQ(b.bytes(), alone);
  EXPECT_TRUE(a == b);
}

TEST(Tensor, ReshapedSharesAndDetachesToo) {
  const Tensor a = Tensor::from(std::vector<int32_t>{1, 2, 3, 4, 5, 6}, {2, 3});
  Tensor b = a.reshaped({3, 2});
  EXPECT_EQ(a.bytes(), b.bytes());
  EXPECT_FALSE(a == b);  // shapes differ
  b.mutable_bytes()[0] = std::byte{7};
  EXPECT_EQ(a.values<int32_t>()[0], 1);
  EXPECT_EQ(kind_of([&] { a.reshaped({4}); }), ErrorKind::internal);
}

TEST(Tensor, EqualityIsOfBits) {
  const float nan = std::nanf("");
  EXPECT_TRUE(Tensor::from(std::vector<float>{nan}, {1}) == Tensor::from(std::vector<float>{nan}, {1}));
  EXPECT_FALSE(Tensor::from(std::vector<float>{0.0f}, {1}) == Tensor::from(std::vector<float>{-0.0f}, {1}));
  EXPECT_FALSE(Tensor(DType::u8, {4}) == Tensor(DType::i8, {4}));
}

TEST(Tensor, RefusesWrongTypesSizesAndShapes) {
  const Tensor t(DType::f32, {2});
  EXPECT_EQ(kind_of([&] { t.values<int32_t>(); }), ErrorKind::internal);
  EXPECT_EQ(kind_of([] { Tensor::from(std::vector<float>{1, 2}, {3}); }), ErrorKind::internal);
  EXPECT_EQ(kind_of([] { Tensor(DType::f32, {-1}); }), ErrorKind::data);
  EXPECT_EQ(kind_of([] { Tensor(DType::f32, {int64_t{1} << 40, int64_t{1} << 40}); }), ErrorKind::data);
  EXPECT_EQ(kind_of([] { Tensor(DType::u8, {int64_t{1} << 41}); }), ErrorKind::data);
}

TEST(DType, NamesRoundTrip) {
  for (DType dtype : {DType::f32, DType::u8, DType::i8, DType::i32, DType::i64}) {
    EXPECT_EQ(dtype_from(to_string(dtype)), dtype);
  }
  EXPECT_EQ(kind_of([] { dtype_from("float16"); }), ErrorKind::config);
  EXPECT_EQ(integer_range(DType::i8).min, -128);
  EXPECT_EQ(integer_range(DType::u8).max, 255);
  EXPECT_EQ(kind_of([] { integer_range(DType::f32); }), ErrorKind::internal);
}

TEST(Shape, TextAndCount) {
  EXPECT_EQ(to_string(Shape{1, 3, 64, 64}), "[1,3,64,64]");
  EXPECT_EQ(to_string(Shape{}), "[]");
  EXPECT_EQ(element_count({2, 3, 4}), 24);
  EXPECT_EQ(element_count({}), 1);
}

TEST(Error, KindsHaveNames) {
  try {
    fail(ErrorKind::unsupported, "[x] expected {}, got {}", 1, "two");
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "[x] expected 1, got two");
    EXPECT_STREQ(to_string(error.kind()), "unsupported");
  }
  EXPECT_NO_THROW(ensure(true, "never"));
  EXPECT_EQ(kind_of([] { ensure(false, "broken {}", 1); }), ErrorKind::internal);
}

}  // namespace
}  // namespace quench
