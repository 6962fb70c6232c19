// Chains that quantize, train, and quantize anew to fewer bits; what their keys say of learned scales.
#include <gtest/gtest.h>

#include "error_testing.h"
#include "graph/quantized.h"
#include "quant/without_quantizers.h"
#include "steps_chain_testing.h"

namespace quench::steps {
namespace {

class ProgressiveBits : public ChainTest {
 protected:
  graph::Graph run(const graph::Graph& start, const Chain& given, bool convert = true) {
    Chain chain = effective(start, given);
    if (!convert) chain.pop_back();
    return run_steps(start, chain);
  }
  static methods::ChainStep quantize(int bits, Json more = Json::object()) {
    Json settings{{"bits_w", bits}, {"calibration_images", 32}};
    settings.update(more);
    return {"quantize", settings};
  }
  static methods::ChainStep finetune(Json more = Json::object()) {
    Json settings{{"epochs", 1}, {"batch", 32}, {"lr", 0.01}, {"threads", 1}};
    settings.update(more);
    return {"finetune", settings};
  }
};

TEST_F(ProgressiveBits, FewerBitsStartFromFloatsNotFromWhatTheyWereRoundedTo) {
  const graph::Graph eight = run(model_.graph, {quantize(8), finetune()}, false);
  const graph::Graph four = run(model_.graph, {quantize(8), finetune(), quantize(4)}, false);
  int compared = 0;
  for (const auto& [name, weight] : eight.weights) {
    EXPECT_EQ(weight.value, four.weights.at(name).value) << name << ": the very floats";
    if (!weight.quant) continue;
    EXPECT_EQ(four.weights.at(name).quant->bits, 4);
    ++compared;
  }
  EXPECT_GT(compared, 2);
  EXPECT_EQ(four.metadata.at("method"), "ptq");
  EXPECT_EQ(four.metadata.at("bits_w"), "4");
  const graph::Graph trained = run(model_.graph, {quantize(8), finetune(), quantize(4), finetune()});
  EXPECT_TRUE(kind_of(trained).integers);
  EXPECT_EQ(trained.metadata.at("method"), "qat");
  EXPECT_EQ(trained.metadata.at("weight_scales"), "learned");
  for (const auto& [name, weight] : trained.weights) {
    if (weight.value.dtype() != DType::i8) continue;
    for (const int8_t q : weight.value.values<int8_t>()) ASSERT_LE(std::abs(q), 7) << name;
  }
}

TEST_F(ProgressiveBits, WhatLooksBackSeesTheFloatsOfTheLastQuantize) {
  const methods::ChainStep adaround{"adaround", {{"iterations", 20}, {"batch", 32}, {"calibration_images", 32}}};
  const graph::Graph made = run(model_.graph, {quantize(8), finetune(), quantize(4), adaround});
  EXPECT_EQ(made.metadata.at("weight_scales"), "fixed");
}

TEST_F(ProgressiveBits, WhatHasNoFloatsAnyMoreIsRefused) {
  const graph::Graph integers = run(model_.graph, {quantize(8)});
  EXPECT_NE(error_of([&] { run(integers, {quantize(4)}); }).second.find("quantized already"), std::string::npos);
  EXPECT_NE(error_of([&] { quant::without_quantizers(integers); }).second.find("integers"), std::string::npos);
  EXPECT_NE(error_of([&] {
              run(model_.graph, {quantize(8), quantize(4, {{"target", "onnxruntime"}})});
            }).second.find("'native'"),
            std::string::npos);
  EXPECT_FALSE(graph::is_quantized(quant::without_quantizers(run(model_.graph, {quantize(8)}, false))));
}

TEST_F(ProgressiveBits, KeysSayThatNarrowWeightsLearn) {
  const auto said = [&](const Chain& chain) {
    std::string text;
    for (const methods::ChainStep& step : effective(model_.graph, chain)) {
      if (step.step == "finetune") text += step.settings.value("weight_ranges", std::string("-")) + " ";
    }
    return text;
  };
  EXPECT_EQ(said({quantize(8), finetune()}), "- ");
  EXPECT_EQ(said({finetune(), quantize(8), finetune(), quantize(4), finetune()}), "- - learned ");
  EXPECT_EQ(said({quantize(4), finetune({{"weight_ranges", "follow"}})}), "follow ");
  EXPECT_EQ(said({quantize(4, {{"weight_scales", "mse"}}), finetune()}), "- ");
  EXPECT_EQ(said({quantize(8, {{"layer_bits", {"model.1.conv=w4a6"}}}), finetune()}), "learned ");
  EXPECT_EQ(said({quantize(8, {{"layer_bits", {"model.1.conv=a4"}}}), finetune()}), "- ");
  EXPECT_EQ(said({quantize(4), {"adaround", Json::object()}, finetune()}), "- ");
}

TEST_F(ProgressiveBits, SettingsOfQuantizersWantAQuantizedModel) {
  const auto [kind, text] = error_of([&] { effective(model_.graph, {finetune({{"weight_quantizer", "dorefa"}})}); });
  EXPECT_EQ(kind, ErrorKind::config);
  EXPECT_NE(text.find("'weight_quantizer'"), std::string::npos) << text;
  EXPECT_NO_THROW(effective(model_.graph, {quantize(8), finetune({{"weight_quantizer", "dorefa"}})}));
  EXPECT_NE(error_of([&] {
              effective(model_.graph, {quantize(8), finetune({{"ewgs_delta", 0.1}})});
            }).second.find("estimator: ewgs"),
            std::string::npos);
}

}  // namespace
}  // namespace quench::steps
