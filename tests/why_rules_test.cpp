// Each rule of `quench why`, on a tiny model made so that it, and no other, comes first.
#include <gtest/gtest.h>

#include <cmath>

#include "why/quantize_call.h"
#include "why/rules.h"
#include "why_testing.h"

namespace quench::why {
namespace {

using quant::branched_graph;
using quant::GraphSketch;
using quant::noise_splits;

/// A chain of convolutions in which no one carries much alone: values keep their size from layer to layer, and no
/// average over many places takes the noise of activations away.
graph::Graph chain_graph() {
  GraphSketch s;
  const graph::PoolAttributes quarter{{4, 4}, {4, 4}, {0, 0}};
  const auto silu = graph::Activation::silu;
  graph::EdgeId edge = s.op("pool0", graph::Op::max_pool, {s.conv("conv0", s.image(), 3, 8, 3, silu)}, quarter);
  edge = s.op("pool1", graph::Op::max_pool, {s.conv("conv1", edge, 8, 8, 3, silu)}, quarter);
  for (int i = 2; i < 8; ++i) edge = s.conv(fmt::format("conv{}", i), edge, 8, 8, 1, silu);
  graph::Graph graph = s.done({s.linear("fc", s.op("flat", graph::Op::flatten, {edge}), 8, 5)});
  for (auto& [name, weight] : graph.weights) {
    if (!name.ends_with(".weight")) continue;
    for (float& value : weight.value.mutable_values<float>()) value *= 2.5f;
  }
  return graph;
}

/// The same with weights of one size a layer, whatever their sign, which are integers without a rest: activations alone
/// are rounded.
graph::Graph exact_chain() {
  graph::Graph graph = chain_graph();
  for (auto& [name, weight] : graph.weights) {
    if (!name.ends_with(".weight")) continue;
    const auto values = weight.value.mutable_values<float>();
    double squares = 0;
    for (const float value : values) squares += value * value;
    const auto size = static_cast<float>(std::sqrt(squares / static_cast<double>(values.size())));
    for (float& value : values) value = std::copysign(size, value);
  }
  return graph;
}

std::span<float> weights_of(graph::Graph& graph, const char* name) {
  return graph.weights.at(name).value.mutable_values<float>();
}

/// The rule that comes first, with what it says, and that it names figures and a command.
Advice first_of(const Findings& findings) {
  EXPECT_GE(findings.advice.size(), kFewestSentences);
  EXPECT_LE(findings.advice.size(), kMostSentences);
  for (size_t i = 1; i < findings.advice.size(); ++i) {
    EXPECT_GE(findings.advice[i - 1].weight, findings.advice[i].weight);
  }
  EXPECT_TRUE(findings.advice.front().command.starts_with("quench ")) << findings.advice.front().command;
  return findings.advice.front();
}

Advice first_with(const graph::Graph& model, std::initializer_list<std::pair<const char*, Json>> settings) {
  const data::Splits splits = noise_splits();
  return first_of(findings_of(converted_graph(model, settings), &model, &splits));
}

TEST(Rules, AHeadOfFewBits) {
  const Advice advice = first_with(branched_graph(), {{"layer_bits", Json::array({"fc=w2"})}});
  EXPECT_EQ(advice.rule, "head_is_quantized");
  EXPECT_NE(advice.sentence.find("(fc)"), std::string::npos) << advice.sentence;
  EXPECT_NE(advice.command.find("--float-layers fc "), std::string::npos) << advice.command;
}

TEST(Rules, OneScaleForAllWeightsOfALayer) {
  graph::Graph model = branched_graph();
  for (const char* name : {"conv1.weight", "conv2.weight", "conv3.weight", "conv4.weight", "fc.weight"}) {
    weights_of(model, name)[0] = 2;
  }
  const Advice advice = first_with(model, {{"weights", "per_tensor"}, {"bits_w", 4}});
  EXPECT_EQ(advice.rule, "weights_share_a_scale") << advice.sentence;
  EXPECT_NE(advice.command.find("--weights per_channel"), std::string::npos);
}

/// A channel that is large at few places and that nothing reads: ranges of the least and the largest value follow it.
graph::Graph graph_with_outliers() {
  graph::Graph model = branched_graph();
  const auto first = weights_of(model, "conv1.weight");
  for (size_t i = 0; i < 7 * 27; ++i) first[i] *= 5;
  for (size_t i = 0; i < 27; ++i) first[7 * 27 + i] = i % 9 == 4 ? 500.0f : 0.0f;
  weights_of(model, "conv1.bias")[7] = -1300;
  const auto second = weights_of(model, "conv2.weight");
  const auto third = weights_of(model, "conv3.weight");
  for (size_t o = 0; o < 8; ++o) {
    for (size_t k = 0; k < 9; ++k) second[(o * 8 + 7) * 9 + k] = 0;
    third[o * 16 + 15] = 0;
  }
  return model;
}

TEST(Rules, RangesThatFollowOutliers) {
  const graph::Graph model = graph_with_outliers();
  // An image that is looked at, too: 4 bits are too few for its range, and 8 do less than another range does.
  const int64_t looked_at = data::calibration_subset(*spotted_splits(200).train, 48, 0).indices.front();
  const data::Splits splits = spotted_splits(200, looked_at);
  Json config = config::quantize_options().defaults();
  config["calibration_images"] = 96;
  config["observer"] = "minmax";
  config["layer_bits"] = Json::array({"conv2=a4", "conv3=a4"});
  const graph::Graph quantized = quant::convert(quant::prepare(model, splits, config, {}, CancelToken{}).graph);
  const Findings findings = findings_of(quantized, &model, &splits);
  const Advice advice = first_of(findings);
  EXPECT_EQ(advice.rule, "ranges_follow_outliers") << to_json(findings)["trials"].dump(1);
  EXPECT_NE(advice.sentence.find("minmax"), std::string::npos);
  EXPECT_NE(advice.command.find("--observer mse"), std::string::npos);
}

// What is left to gain then is that ranges fit the images that are looked at.
TEST(Rules, RangesOfLeastSquaredErrorAreNotAdvisedAgain) {
  Findings findings;
  findings.metadata["observer"] = "mse";
  findings.all.emplace();
  findings.all->error = 0.01;
  findings.trials[Trial::least_squares_ranges].error = 0.005;
  findings.layers.emplace_back().reading.emplace();
  const auto told = [&] {
    return std::ranges::any_of(accuracy_rules(), [&](const Rule& rule) {
      const auto advice = rule(findings);
      return advice && advice->rule == std::string("ranges_follow_outliers");
    });
  };
  EXPECT_FALSE(told());
  findings.metadata["observer"] = "minmax";
  EXPECT_TRUE(told());
}

TEST(Rules, RangesThatWereFoundOnOtherImages) {
  const graph::Graph model = branched_graph();
  const data::Splits dark = spotted_splits(40), bright = spotted_splits(255);
  Json config = config::quantize_options().defaults();
  config["calibration_images"] = 96;
  const graph::Graph quantized = quant::convert(quant::prepare(model, dark, config, {}, CancelToken{}).graph);
  const Advice advice = first_of(findings_of(quantized, &model, &bright));
  EXPECT_EQ(advice.rule, "ranges_are_too_narrow") << advice.sentence;
  EXPECT_NE(advice.sentence.find("96 calibration images"), std::string::npos);
  EXPECT_EQ(advice.command.find("--calibration-images"), std::string::npos);
}

TEST(Rules, FewBitsOfActivations) {
  const Advice advice = first_with(branched_graph(), {{"bits_a", 4}});
  EXPECT_EQ(advice.rule, "activations_have_few_bits") << advice.sentence;
  EXPECT_EQ(advice.command.find("--bits-a"), std::string::npos) << "8 is the default";
}

TEST(Rules, RoundedBeforeSiluAndBehindIt) {
  const Advice advice = first_with(exact_chain(), {{"silu_tables", true}});
  EXPECT_EQ(advice.rule, "rounded_before_silu") << advice.sentence;
}

TEST(Rules, OneLayer) {
  const Advice advice = first_with(branched_graph(), {{"layer_bits", Json::array({"conv3=w2"})}});
  EXPECT_EQ(advice.rule, "one_layer_carries_it") << advice.sentence;
  EXPECT_NE(advice.command.find("--float-layers conv3 "), std::string::npos) << advice.command;
}

TEST(Rules, WeightsDominate) {
  const Advice advice = first_with(chain_graph(), {{"bits_w", 4}});
  EXPECT_EQ(advice.rule, "weights_dominate") << advice.sentence;
  EXPECT_EQ(advice.command, "quench adaround q.onnx --reference y.onnx --data noise -o mended.onnx");
}

TEST(Rules, ActivationsDominate) {
  const Advice advice = first_with(exact_chain(), {});
  EXPECT_EQ(advice.rule, "activations_dominate") << advice.sentence;
  EXPECT_NE(advice.command.find("--method qat"), std::string::npos);
}

// Then the rounding of weights is not seen, and what is left is all of activations.
TEST(Rules, WithoutTheFloatModelActivationsAreNotSaidToDominate) {
  const data::Splits splits = noise_splits();
  const Findings findings = findings_of(converted_graph(exact_chain(), {}), nullptr, &splits);
  for (const Advice& advice : findings.advice) EXPECT_NE(advice.rule, "activations_dominate") << advice.sentence;
}

/// The rule that comes first by times alone.
Advice first_by_time(const MadeUpTimes& times, std::initializer_list<std::pair<const char*, Json>> settings = {}) {
  const graph::Graph model = branched_graph();
  return first_of(findings_of(converted_graph(model, settings), &model, nullptr, times));
}

TEST(Rules, LayersInFloat) {
  const Advice advice = first_by_time({}, {{"float_layers", Json::array({"conv2", "conv4"})}});
  EXPECT_EQ(advice.rule, "layers_run_in_float");
  // 2 x 400 of 2 x 400 + 3 x 200
  EXPECT_NEAR(advice.weight, 800.0 / 1400, 1e-9);
  EXPECT_NE(advice.sentence.find("2 layers (conv2, conv4) run in float and take 57 % of the time"), std::string::npos)
      << advice.sentence;
  EXPECT_NE(advice.sentence.find("named in float_layers"), std::string::npos) << advice.sentence;
  EXPECT_EQ(advice.command.find("--float-layers"), std::string::npos) << advice.command;
}

TEST(Rules, ConversionsBetweenFloatAndIntegers) {
  const Advice advice = first_by_time({.quantized_ns = {{"conv2", 50'000}}, .conversions_ns = {{"conv2", 300'000}}},
                                      {{"float_layers", Json::array({"conv2"})}});
  EXPECT_EQ(advice.rule, "values_are_converted");
  EXPECT_NEAR(advice.weight, 300.0 / 1150, 1e-9);
}

TEST(Rules, LayersThatAreSlowerInIntegers) {
  const Advice advice = first_by_time({.quantized_ns = {{"conv3", 700'000}}});
  EXPECT_EQ(advice.rule, "layers_are_slower");
  EXPECT_NEAR(advice.weight, 300.0 / 1500, 1e-9);
  EXPECT_NE(advice.command.find("--float-layers conv3 "), std::string::npos) << advice.command;
}

TEST(Rules, AModelThatIsTooSmall) {
  const Advice advice = first_by_time({.integer_ns = 10'000, .float_ns = 10'000});
  EXPECT_EQ(advice.rule, "model_is_too_small");
  EXPECT_EQ(advice.command, "quench bench y.onnx q.onnx");
}

TEST(Rules, AProcessorWithoutProductsOfBytes) {
  const Advice advice = first_by_time({.integer_ns = 400'000, .float_ns = 400'000});
  EXPECT_EQ(advice.rule, "processor_gains_little");
  EXPECT_NE(advice.sentence.find("plain"), std::string::npos);
}

TEST(Rules, WithoutACauseFactsAreTold) {
  const graph::Graph model = branched_graph();
  const Findings findings = findings_of(converted_graph(model), nullptr, nullptr);
  ASSERT_EQ(findings.advice.size(), kFewestSentences);
  EXPECT_EQ(findings.advice[0].rule, "how_fast_it_is");
  EXPECT_NE(findings.advice[0].sentence.find("2.00 times as fast as its own layers in float"), std::string::npos);
  EXPECT_EQ(findings.advice[1].command, "quench why q.onnx --against FLOAT.onnx --data DATA");
  EXPECT_EQ(findings.unknown.size(), 2u);
}

TEST(QuantizeCall, IsTheCommandThatMadeTheModel) {
  const graph::Graph model = branched_graph();
  const Findings findings = findings_of(
      converted_graph(model, {{"observer", "minmax"}, {"bits_w", 7}, {"float_layers", Json::array({"conv2"})}}), &model,
      nullptr);
  EXPECT_EQ(
      QuantizeCall(findings).text(),
      "quench quantize y.onnx --data DATA --bits-w 7 --calibration-images 96 --observer minmax --float-layers conv2 -o "
      "mended.onnx");
  EXPECT_EQ(QuantizeCall(findings).without("observer").none_named().with("quantize-head").text(),
            "quench quantize y.onnx --data DATA --bits-w 7 --calibration-images 96 --quantize-head -o mended.onnx");
  EXPECT_EQ(shell_word("a b"), "'a b'");
  EXPECT_EQ(shell_word("it's"), "'it'\\''s'");
  EXPECT_EQ(shell_word("model.24.*"), "'model.24.*'");
  EXPECT_EQ(shell_word(""), "''");
}

}  // namespace
}  // namespace quench::why
