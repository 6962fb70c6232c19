// Dynamic scales of activations as a method of a study: what it reads, what it is called, and what is refused
// beforehand.
#include <gtest/gtest.h>

#include "config/activation_scales.h"
#include "config/tables.h"
#include "error_testing.h"
#include "methods/chain.h"

namespace quench::methods {
namespace {

std::vector<Method> methods_of_entry(const char* entry) {
  return methods_of(parse_json(entry, "t"), step_table(), "classify", "native", "s.methods");
}

std::vector<ChainStep> chain_of(const char* entry) {
  return effective_steps(methods_of_entry(entry).at(0), step_table(), {"classify"}, Json::object(), "s.methods");
}

TEST(DynamicScales, ReadNoDataUnlessWeightsDo) {
  const auto reads = [](const char* entry) {
    const ChainStep step = chain_of(entry).at(0);
    return step_table().require(step.step, "t").reads(step.settings);
  };
  EXPECT_EQ(reads(R"({"method": "ptq"})"), Needs::calibration_images);
  EXPECT_EQ(reads(R"({"method": "ptq", "activation_scales": "static"})"), Needs::calibration_images);
  EXPECT_EQ(reads(R"({"method": "ptq", "activation_scales": "dynamic"})"), Needs::nothing);
  EXPECT_EQ(reads(R"({"method": "ptq", "activation_scales": "dynamic", "weight_scales": "mse"})"), Needs::nothing);
  const char* by_output = R"({"method": "ptq", "activation_scales": "dynamic", "weight_scales": "output_mse"})";
  EXPECT_EQ(reads(by_output), Needs::calibration_images);
}

TEST(DynamicScales, AreNamedInPlaceOfTheObserver) {
  EXPECT_EQ(methods_of_entry(R"({"method": "ptq"})")[0].setting, "mse");
  EXPECT_EQ(methods_of_entry(R"({"method": "ptq", "activation_scales": "dynamic"})")[0].setting, "dynamic");
  const auto both = methods_of_entry(R"({"method": "ptq", "activation_scales": ["static", "dynamic"]})");
  ASSERT_EQ(both.size(), 2u);
  EXPECT_NE(both[0].setting, both[1].setting);
  EXPECT_FALSE(chain_of(R"({"method": "ptq"})")[0].settings.contains("activation_scales")) << "the work that it was";
}

TEST(DynamicScales, AreRefusedBeforeAnyTraining) {
  const auto said = [](const char* settings) {
    const std::string entry = fmt::format(R"({{"method": "ptq", "activation_scales": "dynamic", {}}})", settings);
    const auto [kind, text] = error_of([&] { chain_of(entry.c_str()); });
    EXPECT_EQ(kind, ErrorKind::config);
    return text;
  };
  EXPECT_NE(said(R"("bits_a": 4)").find("expected 'bits_a: 8' with 'activation_scales: dynamic'"), std::string::npos);
  EXPECT_NE(said(R"("target": "tensorrt")").find("native or onnxruntime"), std::string::npos);
  EXPECT_NE(said(R"("target": "openvino")").find("native or onnxruntime"), std::string::npos);
  EXPECT_NE(said(R"("layer_bits": ["conv=w4a6"])").find("layer_bits"), std::string::npos);
  const auto [kind, text] = error_of([] { chain_of(R"({"method": "ptq", "activation_scales": "sometimes"})"); });
  EXPECT_EQ(kind, ErrorKind::config);
}

TEST(DynamicScales, AreNoSettingOfWhatIsAboutFixedRanges) {
  for (const config::OptionSet* options : {&config::sensitivity_options(), &config::assign_bits_options()}) {
    EXPECT_EQ(options->find("activation_scales"), nullptr);
  }
}

}  // namespace
}  // namespace quench::methods
