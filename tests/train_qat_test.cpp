// Training with quantizers in every way that settings know: what is learned, what is averaged, how it resumes, what is
// refused.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "error_testing.h"
#include "graph/quantized.h"
#include "nn/graph_module.h"
#include "quant/quantize.h"
#include "stopping_dataset.h"
#include "train/distill/distill_objective.h"
#include "train/loop/checkpoint.h"
#include "train/loop/fit_settings.h"
#include "train/loop/trainer.h"
#include "train/qat/oscillations.h"
#include "train_samples.h"

namespace quench::train {
namespace {

FitContext qat_context(const samples::Folder& folder) {
  FitContext context;
  context.folder = folder.path();
  return context;
}

graph::Graph prepared_classifier(int bits_w = 4, bool symmetric = false) {
  graph::samples::QuantizeOptions options;
  options.integer = false;
  options.bits_w = bits_w;
  options.bits_a = 6;
  options.symmetric = symmetric;
  options.pixels = true;
  graph::Graph graph = graph::samples::quantized(samples::tiny_classifier(24, 10), options);
  graph.metadata["task"] = "classify";
  return graph;
}

Json qat_config(const Json& more = Json::object()) {
  Json config = samples::tiny_config();
  config["epochs"] = 2;
  config["lr"] = 0.01;
  config["ranges"] = "learned";
  config.update(more);
  return config;
}

/// Logits of a graph on fixed pixels.
torch::Tensor logits_of(const graph::Graph& graph) {
  torch::NoGradGuard no_grad;
  torch::manual_seed(3);
  const torch::Tensor pixels = at::randint(256, {8, 3, 24, 24}, at::kByte);
  return nn::GraphModule(graph).forward(pixels)[0];
}

TEST(QatSettings, NarrowWeightsLearnWithoutBeingTold) {
  const auto ranges = [](const graph::Graph& graph, const Json& more = Json::object()) -> std::string {
    const FitSettings settings = parse_settings(qat_config(more), graph);
    const auto& made = settings.qat.quantizers.weight_ranges;
    EXPECT_EQ(settings.identity.contains("weight_ranges"), made.has_value()) << "what decides the result is told";
    if (!made) return "as it was";
    return *made == nn::WeightRanges::learned ? "learned" : *made == nn::WeightRanges::frozen ? "frozen" : "follow";
  };
  EXPECT_EQ(ranges(prepared_classifier(8)), "as it was");
  EXPECT_EQ(ranges(prepared_classifier(7)), "as it was");
  EXPECT_EQ(ranges(prepared_classifier(6)), "learned");
  EXPECT_EQ(ranges(prepared_classifier(4), {{"weight_ranges", "follow"}}), "follow");
  EXPECT_EQ(ranges(prepared_classifier(8), {{"weight_ranges", "learned"}}), "learned");
  EXPECT_EQ(ranges(prepared_classifier(4), {{"weight_quantizer", "dorefa"}}), "as it was");
  EXPECT_EQ(ranges(prepared_classifier(4), {{"learn", "correction"}}), "as it was");
  graph::Graph chosen = prepared_classifier(4);
  chosen.metadata["weight_scales"] = "fixed";
  EXPECT_EQ(ranges(chosen), "as it was") << "something chose these scales";
  chosen = prepared_classifier(8);
  chosen.metadata["weight_scales"] = "learned";
  EXPECT_EQ(ranges(chosen), "learned") << "it goes on";
  EXPECT_EQ(ranges(samples::tiny_classifier(24, 10)), "as it was");
}

TEST(QatSettings, WhatContradictsIsRefused) {
  const auto refusal = [](const Json& more, const graph::Graph& graph = prepared_classifier()) {
    const auto [kind, text] = error_of([&] { parse_settings(qat_config(more), graph); });
    EXPECT_EQ(kind, ErrorKind::config) << text;
    return text;
  };
  const auto expect_part = [&](const Json& more, const char* part) {
    const std::string text = refusal(more);
    EXPECT_NE(text.find(part), std::string::npos) << text;
  };
  expect_part({{"weight_ranges", "lerned"}}, "weight_ranges");
  expect_part({{"estimator", "none"}}, "estimator");
  expect_part({{"damping", -1}}, "damping");
  expect_part({{"ewgs_delta", 0.1}}, "estimator: ewgs");
  expect_part({{"estimator", "ste"}, {"ewgs_delta", 0.1}}, "estimator: ewgs");
  expect_part({{"pact_decay", 0.1}}, "activation_quantizer: pact");
  expect_part({{"damping_schedule", "cosine"}}, "'damping'");
  expect_part({{"freeze_momentum", 0.1}}, "'freeze_threshold'");
  expect_part({{"freeze_threshold", 0.1}, {"weight_quantizer", "dorefa"}}, "dorefa");
  expect_part({{"activation_quantizer", "lsq_plus"}, {"ranges", "frozen"}}, "ranges: learned");
  expect_part({{"learn", "correction"}, {"damping", 0.1}}, "'damping'");
  const std::string of_floats = refusal({{"weight_quantizer", "dorefa"}}, samples::tiny_classifier(24, 10));
  EXPECT_NE(of_floats.find("'weight_quantizer'"), std::string::npos) << of_floats;
  EXPECT_NE(of_floats.find("quantize comes first"), std::string::npos) << of_floats;
}

TEST(QatFit, RangesThatCannotTrainStopItBeforeItBegins) {
  const samples::Folder folder;
  const auto refusal = [&](const char* quantizer, const graph::Graph& graph) {
    const auto [kind, text] = error_of([&] {
      fit(graph, samples::tiny_shapes(), qat_config({{"activation_quantizer", quantizer}}), qat_context(folder));
    });
    EXPECT_EQ(kind, ErrorKind::config);
    return text;
  };
  EXPECT_NE(refusal("pact", prepared_classifier()).find("can be negative"), std::string::npos);
  EXPECT_NE(refusal("lsq_plus", prepared_classifier(4, true)).find("symmetric"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "checkpoint.qckpt"));
}

/// The integers are those that the float weights are rounded to at the scales beside them.
void expect_integers_of(const graph::Graph& simulated, const graph::Graph& converted) {
  for (const auto& [name, weight] : converted.weights) {
    if (weight.value.dtype() != DType::i8) continue;
    const graph::Weight& before = simulated.weights.at(name);
    EXPECT_EQ(*weight.quant, *before.quant) << name;
    const auto q = weight.value.values<int8_t>();
    const auto w = before.value.values<float>();
    const size_t each = q.size() / weight.quant->scale.size();
    const double most = static_cast<double>(weight.quant->q_max());
    for (size_t i = 0; i < q.size(); ++i) {
      ASSERT_EQ(q[i], std::clamp(std::nearbyint(double{w[i] / weight.quant->scale[i / each]}), -most, most)) << name;
    }
  }
}

/// Every way of training, with a teacher: it learns, the result is what was evaluated, and convert keeps that.
TEST(QatFit, EveryWayTrainsAndConvertsToWhatWasEvaluated) {
  const graph::Graph start = prepared_classifier();
  const data::Splits data = samples::tiny_shapes();
  for (const Json& way : std::vector<Json>{{{"weight_ranges", "learned"}},
                                           {{"weight_ranges", "frozen"}},
                                           {{"activation_quantizer", "lsq_plus"}},
                                           {{"weight_quantizer", "dorefa"}},
                                           {{"weight_quantizer", "dorefa"}, {"weight_ranges", "learned"}},
                                           {{"estimator", "ewgs"}},
                                           {{"stochastic_rounding", true}},
                                           {{"damping", 0.01}},
                                           {{"freeze_threshold", 0.02}},
                                           {{"learn", "correction"}},
                                           {{"optimizer", "adamw"}, {"activation_quantizer", "lsq_plus"}}}) {
    const samples::Folder folder;
    FitContext context = qat_context(folder);
    context.objective = distilled(samples::tiny_classifier(24, 10, 5), distill_settings(Json::object(), "classify"));
    Json config = qat_config(way);
    if (way.contains("optimizer")) config["lr"] = 0.001;
    const FitResult result = fit(start, data, config, context);
    const auto rows = load_checkpoint(folder.path() / "checkpoint.qckpt").rows;
    EXPECT_LT(rows.at(1).train_loss, rows.at(0).train_loss) << way.dump();
    EXPECT_FALSE(result.graph == start) << way.dump();
    const graph::Graph converted = quant::convert(result.graph);
    expect_integers_of(result.graph, converted);
    // Biases are rounded to int32, which moves a value here and there over the border of two integers.
    const torch::Tensor simulated = logits_of(result.graph), rounded = logits_of(converted);
    EXPECT_LT((simulated - rounded).abs().mean().item<double>(), 0.05 * simulated.std().item<double>()) << way.dump();
    // And it goes on from what was written.
    context.resume = Resume::never;
    config["epochs"] = 1;
    const FitResult more = fit(result.graph, data, config, context);
    EXPECT_LT(load_checkpoint(folder.path() / "checkpoint.qckpt").rows.at(0).train_loss, rows.at(0).train_loss)
        << way.dump();
    EXPECT_TRUE(logits_of(more.graph).isfinite().all().item<bool>());
  }
}

TEST(QatFit, TheAverageCoversLearnedScalesAndOffsets) {
  const samples::Folder folder;
  const graph::Graph start = prepared_classifier();
  const Json config = qat_config({{"weight_ranges", "learned"}, {"activation_quantizer", "lsq_plus"}});
  const FitResult result = fit(start, samples::tiny_shapes(), config, qat_context(folder));
  const auto tensors = load_checkpoint(folder.path() / "checkpoint.qckpt").tensors;
  int scales = 0, offsets = 0, lag = 0;
  for (const auto& [name, tensor] : tensors) {
    if (!name.starts_with("parameter/")) continue;
    const std::string own = name.substr(10);
    ASSERT_TRUE(tensors.contains("ema/" + own)) << own;
    const auto average = tensors.at("ema/" + own).values<float>();
    if (own.ends_with(".offset")) ++offsets;
    if (!own.ends_with(".weight.scale")) continue;
    ++scales;
    lag += !(tensors.at("ema/" + own) == tensor);
    const auto& quant = *result.graph.weights.at(own.substr(0, own.size() - 6)).quant;
    EXPECT_EQ(quant.scale, std::vector<float>(average.begin(), average.end())) << own << ": the average is the result";
  }
  EXPECT_EQ(scales, 4);
  EXPECT_EQ(lag, 4) << "an average is not the last value";
  EXPECT_GT(offsets, 3);
  for (const graph::Edge& edge : result.graph.edges) {
    const auto average = tensors.find("ema/" + edge.name + ".scale");
    if (average == tensors.end()) continue;
    EXPECT_EQ(edge.quant->scale[0], average->second.values<float>()[0]) << edge.name;
  }
}

TEST(QatFit, StoppedAndResumedItIsTheSameToTheBit) {
  const graph::Graph start = prepared_classifier();
  const Json config = qat_config({{"weight_ranges", "learned"},
                                  {"activation_quantizer", "lsq_plus"},
                                  {"stochastic_rounding", true},
                                  {"estimator", "ewgs"},
                                  {"damping", 0.001},
                                  {"freeze_threshold", 0.011}});
  const samples::Folder folder;
  FitContext straight = qat_context(folder);
  straight.resume = Resume::never;
  const graph::Graph wanted = fit(start, samples::tiny_shapes(), config, straight).graph;
  for (const int64_t stop_after : {3, 13}) {
    std::filesystem::remove_all(folder.path());
    CancelToken cancel;
    data::Splits data = samples::tiny_shapes();
    data.train = std::make_shared<samples::StoppingDataset>(data.train, cancel, stop_after * 40);
    FitContext context = qat_context(folder);
    context.cancel = &cancel;
    EXPECT_EQ(error_of([&] { fit(start, data, config, context); }).first, ErrorKind::cancelled);
    EXPECT_TRUE(fit(start, samples::tiny_shapes(), config, qat_context(folder)).graph == wanted) << stop_after;
  }
  Json other = config;
  other["ewgs_delta"] = 0.3;
  EXPECT_NE(error_of([&] { fit(start, samples::tiny_shapes(), other, qat_context(folder)); }).second.find("ewgs_delta"),
            std::string::npos);
}

TEST(QatFit, ACorrectionKeepsIntegersAndRanges) {
  const samples::Folder folder;
  const graph::Graph start = prepared_classifier(3);
  const FitResult result =
      fit(start, samples::tiny_shapes(), qat_config({{"learn", "correction"}, {"lr", 0.02}}), qat_context(folder));
  const graph::Graph before = quant::convert(start), after = quant::convert(result.graph);
  for (const auto& [name, weight] : before.weights) {
    if (weight.value.dtype() != DType::i8) continue;
    EXPECT_EQ(weight.value, after.weights.at(name).value) << name;
    EXPECT_NE(weight.quant->scale, after.weights.at(name).quant->scale) << name;
  }
  for (size_t i = 0; i < before.edges.size(); ++i) EXPECT_EQ(before.edges[i].quant, after.edges[i].quant);
}

/// A module with one convolution of two weights.
nn::GraphModule two_weights(float a, float b) {
  graph::Graph g;
  const auto x =
      g.add_edge({"images", {1, 2, 1, 1}, DType::f32, graph::QuantParams{DType::u8, 8, {1 / 255.0f}, {0}, -1}});
  const auto y = g.add_edge({"out", {1, 1, 1, 1}, DType::f32, std::nullopt});
  g.nodes = {{"c", graph::Op::conv, graph::ConvAttributes{}, {x}, {y}, {}}};
  g.inputs = {x};
  g.outputs = {y};
  g.weights["c.weight"] = {Tensor::from(std::vector<float>{a, b}, {1, 2, 1, 1}),
                           graph::QuantParams{DType::i8, 3, {0.1f}, {0}, 0}};
  g.metadata["weight_scales"] = "fixed";
  return nn::GraphModule(g);
}

void set_weights(const nn::GraphModule& module, float a, float b) {
  torch::NoGradGuard no_grad;
  torch::Tensor leaf = module.parameters().at("c.weight");
  leaf.copy_(torch::tensor({a, b}).view({1, 2, 1, 1}));
}

TEST(Oscillations, AreCountedAsTheAlgorithmSaysAndFrozenAtTheirMean) {
  nn::GraphModule module = two_weights(0.12f, 0.12f);
  module.train(true);
  constexpr double kMomentum = 0.25, kThreshold = 0.35;
  Oscillations oscillations(module, kThreshold, kMomentum);
  double frequency = 0, mean = 1, last = 1, direction = 0;
  int frozen_after = 0;
  for (int step = 1; step <= 8 && frozen_after == 0; ++step) {
    const double q = step % 2 == 1 ? 2 : 1;  // the first weight turns at every step from the second on
    set_weights(module, step % 2 == 1 ? 0.18f : 0.12f,
                0.1f + 0.02f * static_cast<float>(step));  // the other one drifts
    oscillations.after_step(module);
    const double change = q > last ? 1 : q < last ? -1 : 0;
    frequency = kMomentum * (change * direction < 0) + (1 - kMomentum) * frequency;
    if (change != 0) direction = change;
    mean = kMomentum * q + (1 - kMomentum) * mean;
    last = q;
    const auto state = oscillations.state();
    EXPECT_NEAR(state.at("c.weight/frequency").flatten()[0].item<double>(), frequency, 1e-6);
    EXPECT_NEAR(state.at("c.weight/mean").flatten()[0].item<double>(), mean, 1e-6);
    EXPECT_EQ(state.at("c.weight/frequency").flatten()[1].item<double>(), 0) << "to drift is not to oscillate";
    if (frequency > kThreshold) frozen_after = step;
  }
  ASSERT_EQ(frozen_after, 3);  // 0.25, then 0.4375
  EXPECT_EQ(oscillations.frozen(), 1);
  const float held = module.parameters().at("c.weight").flatten()[0].item<float>();
  EXPECT_EQ(held, static_cast<float>(std::nearbyint(mean)) * 0.1f);
  set_weights(module, 0.31f, 0.31f);
  oscillations.after_step(module);
  EXPECT_EQ(module.parameters().at("c.weight").flatten()[0].item<float>(), held);
  EXPECT_EQ(module.parameters().at("c.weight").flatten()[1].item<float>(), 0.31f);
}

TEST(Damping, PullsToTheCentresOfIntegers) {
  nn::GraphModule module = two_weights(0.13f, 0.9f);  // 1.3 steps; far beyond 3
  module.train(true);
  const torch::Tensor penalty = damping_penalty(module);
  EXPECT_NEAR(penalty.item<double>(), 0.03 * 0.03, 1e-7);
  penalty.backward();
  const torch::Tensor gradient = module.parameters().at("c.weight").grad().flatten();
  EXPECT_NEAR(gradient[0].item<double>(), 2 * 0.03, 1e-6);
  EXPECT_EQ(gradient[1].item<double>(), 0);
  const auto at_weight = [&](float w) {
    set_weights(module, w, 0.9f);
    return damping_penalty(module).item<double>();
  };
  EXPECT_NEAR((at_weight(0.131f) - at_weight(0.129f)) / 0.002, 0.06, 1e-4);
  EXPECT_EQ(damping_at(3, false, 0.2), 3);
  EXPECT_EQ(damping_at(3, true, 0), 0);
  EXPECT_NEAR(damping_at(3, true, 0.5), 1.5, 1e-12);
  EXPECT_NEAR(damping_at(3, true, 1), 3, 1e-12);
}

}  // namespace
}  // namespace quench::train
