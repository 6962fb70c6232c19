#include <gtest/gtest.h>

#include "core/error.h"
#include "runtime/onnxruntime.h"
#include "runtime/registry.h"

namespace quench::runtime {
namespace {

class AbsentRuntime : public Runtime {
 public:
  std::string name() const override { return "absent"; }
  Availability availability() const override { return {false, "", "built without absent: see docs/runtimes.md"}; }
  std::unique_ptr<Session> load(const graph::ModelFile&, const SessionOptions&) const override { return nullptr; }
};

template <typename Function>
std::pair<ErrorKind, std::string> error_of(Function function) {
  try {
    function();
  } catch (const Error& error) {
    return {error.kind(), error.what()};
  }
  return {ErrorKind::internal, "nothing was thrown"};
}

TEST(Registry, ListsOnnxRuntimeEvenWhereItIsNotAtHand) {
  const Registry registry = base_registry();
  ASSERT_GE(registry.all().size(), 2u);
  EXPECT_EQ(registry.all()[0]->name(), "native");
  EXPECT_TRUE(registry.all()[0]->availability().available);
  EXPECT_EQ(registry.all()[1]->name(), "onnxruntime");
  const Availability availability = registry.all()[1]->availability();
  EXPECT_EQ(availability.available, availability.reason.empty());
  EXPECT_EQ(availability.available, !availability.version.empty());
}

TEST(Registry, UnknownNameNamesTheNearest) {
  const auto [kind, message] = error_of([] { base_registry().require("onnxruntim"); });
  EXPECT_EQ(kind, ErrorKind::config);
  EXPECT_NE(message.find("'onnxruntime'"), std::string::npos) << message;
}

TEST(Registry, UnavailableRuntimeIsListedAndSaysWhy) {
  Registry registry;
  registry.add(std::make_unique<AbsentRuntime>());
  EXPECT_EQ(registry.all().size(), 1u);
  const auto [kind, message] = error_of([&] { registry.require("absent"); });
  EXPECT_EQ(kind, ErrorKind::unsupported);
  EXPECT_NE(message.find("built without absent: see docs/runtimes.md"), std::string::npos) << message;
}

TEST(Registry, RefusesTwoOfOneName) {
  Registry registry;
  registry.add(std::make_unique<AbsentRuntime>());
  const auto [kind, message] = error_of([&] { registry.add(std::make_unique<AbsentRuntime>()); });
  EXPECT_EQ(kind, ErrorKind::internal);
  EXPECT_NE(message.find("'absent'"), std::string::npos) << message;
}

TEST(ToInput, PixelsStayOrBecomeFractions) {
  std::vector<uint8_t> all(256);
  for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<uint8_t>(i);
  const Tensor pixels = Tensor::from(all, {1, 1, 16, 16});
  EXPECT_EQ(to_input(pixels, DType::u8), pixels);
  const Tensor floats = to_input(pixels, DType::f32);
  EXPECT_EQ(floats.shape(), pixels.shape());
  for (size_t i = 0; i < all.size(); ++i) {
    // Correctly rounded division, which is what a float division gives.
    EXPECT_EQ(floats.values<float>()[i], static_cast<float>(i) / 255.0f) << i;
  }
}

TEST(ToInput, RefusesOtherTypes) {
  EXPECT_EQ(error_of([] { to_input(Tensor(DType::f32, {1, 3, 2, 2}), DType::f32); }).first, ErrorKind::data);
  EXPECT_EQ(error_of([] { to_input(Tensor(DType::u8, {1, 3, 2, 2}), DType::i64); }).first, ErrorKind::data);
}

TEST(RequireInput, NamesBothShapes) {
  EXPECT_NO_THROW(require_input(Tensor(DType::u8, {5, 3, 8, 8}), DType::u8, {1, 3, 8, 8}, "here"));
  const auto [kind, message] = error_of([] {
    require_input(Tensor(DType::f32, {1, 3, 8, 4}), DType::u8, {1, 3, 8, 8}, "here");
  });
  EXPECT_EQ(kind, ErrorKind::data);
  EXPECT_EQ(message, "[here] expected input uint8 [N,3,8,8], got float32 [1,3,8,4]");
}

TEST(CountInt8, ReadsOperatorsOfAllDomains) {
  const Int8Count count = count_int8({{"QLinearConv", 7},
                                      {"com.microsoft.QLinearConv", 2},
                                      {"ConvInteger", 1},
                                      {"Conv", 3},
                                      {"com.microsoft.FusedConv", 4},
                                      {"com.microsoft.nchwc.Conv", 5},
                                      {"com.microsoft.QGemm", 1},
                                      {"Gemm", 2},
                                      {"QuantizeLinear", 30},
                                      {"ConvTranspose", 9}});
  EXPECT_EQ(count.convs_int8, 10);
  EXPECT_EQ(count.convs, 22);
  EXPECT_EQ(count.linears_int8, 1);
  EXPECT_EQ(count.linears, 3);
}

}  // namespace
}  // namespace quench::runtime
