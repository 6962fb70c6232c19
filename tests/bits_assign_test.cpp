// Widths by layer: from a table and a goal to a quantized model.
#include <gtest/gtest.h>

#include <set>

#include "bits/assign.h"
#include "bits/measure.h"
#include "bits_testing.h"
#include "config/tables.h"
#include "error_testing.h"
#include "graph/onnx_write.h"
#include "graph/quantized.h"
#include "metrics/cost.h"

namespace quench::bits {
namespace {

using quant::branched_graph;
using quant::noise_splits;

Json goal_settings(std::initializer_list<std::pair<const char*, Json>> changes) {
  Json settings = config::assign_bits_options().defaults();
  settings["calibration_images"] = 64;
  settings["images"] = 64;
  for (const auto& [key, value] : changes) settings[key] = value;
  return settings;
}

Sensitivity table_of(const graph::Graph& model) {
  Json settings = config::sensitivity_options().defaults();
  settings["calibration_images"] = 64;
  settings["images"] = 64;
  settings["weight_scales"] = "mse";
  return measure_sensitivity(file_of(model), noise_splits(), settings, {}, CancelToken{});
}

/// A device on which float takes 3 us a layer and int8 1 us, and all else 2 us.
prune::Latency made_up(const graph::Graph& graph, const Json& settings) {
  prune::Latency out;
  const double ns = settings.at("latency_precision") == "int8" ? 1000 : 3000;
  for (metrics::ShapedLayer layer : metrics::shaped_layers(graph, false)) {
    if (layer.shape.mixes()) out.layers.push_back({layer, [ns](int64_t, int64_t) { return ns; }});
  }
  out.constant_ns = 2000;
  out.told = {{"device", "made up"}};
  return out;
}

graph::Graph assigned(const graph::Graph& model, const Sensitivity& table, const Json& settings) {
  return assign_bits(file_of(model), noise_splits(), settings, table, made_up, {}, CancelToken{});
}

std::multiset<int> widths_of(const graph::Graph& graph) {
  std::multiset<int> out;
  for (const auto& [name, weight] : graph.weights) {
    if (name.ends_with(".weight")) out.insert(weight.quant ? weight.quant->bits : 0);
  }
  return out;
}

TEST(AssignBits, TheModelCostsNoMoreThanItsBudget) {
  const graph::Graph model = branched_graph();
  const Sensitivity table = table_of(model);
  const double bytes = static_cast<double>(metrics::cost(model).weights_bytes);
  for (const char* share : {"0.35x", "0.2x", "0.17x"}) {
    const graph::Graph made = assigned(model, table, goal_settings({{"target_bytes", share}}));
    const Json told = Json::parse(made.metadata.at("assign_bits"));
    const auto stored = static_cast<double>(metrics::cost(quant::convert(made)).weights_bytes);
    EXPECT_LE(stored, std::stod(share) * bytes * 1.0001) << share;
    EXPECT_NEAR(told["cost"].get<double>(), stored, 0.5) << "what is said is what is stored";
    EXPECT_NEAR(told["cost_in_float"].get<double>(), bytes, 0.5);
    EXPECT_TRUE(told["score"].is_number());
    EXPECT_GT(told["pareto"].size(), 3u);
  }
  const graph::Graph few = assigned(model, table, goal_settings({{"target_bops", "0.02x"}}));
  const double bops = static_cast<double>(metrics::cost(quant::convert(few)).bops);
  EXPECT_LE(bops, 0.02 * static_cast<double>(metrics::cost(model).bops));
}

TEST(AssignBits, WhatTheMeasurementCalibratedIsNotCalibratedAgain) {
  const graph::Graph model = branched_graph();
  Json measured = config::sensitivity_options().defaults();
  const Json settings = goal_settings({{"target_bytes", "0.2x"}});
  for (const char* name : {"calibration_images", "images", "weight_scales"}) measured[name] = settings[name];
  quant::Prepared prepared;
  const Sensitivity table = measure_sensitivity(file_of(model), noise_splits(), measured, {}, CancelToken{}, &prepared);
  int64_t calibrations = 0;
  const LogSink log{[&](LogLevel, std::string_view text) { calibrations += text.find("calibrated") != text.npos; },
                    nullptr};
  const auto made = [&](const quant::Prepared* given) {
    return assign_bits(file_of(model), noise_splits(), settings, table, made_up, log, CancelToken{}, given);
  };
  const graph::Graph again = made(nullptr);
  EXPECT_EQ(calibrations, 1);
  EXPECT_EQ(graph::write_onnx(made(&prepared)), graph::write_onnx(again));
  EXPECT_EQ(calibrations, 1);
}

TEST(AssignBits, LatencyIsOfFloatAndOfBytes) {
  const graph::Graph model = branched_graph();
  // Float: 5 layers of 3 us and 2 us. 11 us are two layers in float at most.
  const graph::Graph made = assigned(
      model, table_of(model), goal_settings({{"target_latency", "11us"}, {"widths", Json::array({"8", "float"})}}));
  EXPECT_EQ(widths_of(made), (std::multiset<int>{0, 0, 8, 8, 8}));
  const Json told = Json::parse(made.metadata.at("assign_bits"));
  EXPECT_EQ(told["cost"], 11000);
  EXPECT_EQ(told["cost_in_float"], 17000);
  EXPECT_EQ(told["latency"]["device"], "made up");
}

TEST(AssignBits, KeepsTheScoreThatIsAskedFor) {
  const graph::Graph model = branched_graph();
  const Sensitivity table = table_of(model);
  const graph::Graph all =
      assigned(model, table, goal_settings({{"max_loss", 1.0}, {"widths", Json::array({"8", "2"})}}));
  EXPECT_EQ(widths_of(all), (std::multiset<int>{2, 2, 2, 2, 2})) << "any score will do: the cheapest";
  const graph::Graph made = assigned(model, table, goal_settings({{"max_loss", 0.1}}));
  const Json told = Json::parse(made.metadata.at("assign_bits"));
  EXPECT_GE(told["score"].get<double>(), 0.9 * told["score_in_float"].get<double>() - 1e-9);
}

TEST(AssignBits, ATableOfAnotherQuantizationIsWarnedOf) {
  const graph::Graph model = branched_graph();
  Sensitivity table = table_of(model);
  std::vector<std::string> warnings;
  const LogSink log{[&](LogLevel level, std::string_view text) {
                      if (level == LogLevel::warning) warnings.emplace_back(text);
                    },
                    nullptr};
  const auto assign = [&] {
    assign_bits(file_of(model), noise_splits(), goal_settings({{"target_bytes", "0.2x"}}), table, made_up, log,
                CancelToken{});
  };
  assign();
  EXPECT_TRUE(warnings.empty()) << warnings.front();
  table.settings.erase("weight_scales");  // as where nobody asked for other ones
  assign();
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_NE(warnings[0].find("'weight_scales: max_abs', this quantizes with 'weight_scales: mse'"), std::string::npos);
}

TEST(AssignBits, BadInputIsSaid) {
  const graph::Graph model = branched_graph();
  Sensitivity table = table_of(model);
  const auto said = [&](const Json& settings) { return error_of([&] { assigned(model, table, settings); }); };
  EXPECT_NE(said(goal_settings({})).second.find("expected one of max_loss"), std::string::npos);
  EXPECT_NE(said(goal_settings({{"max_loss", 0.1}, {"target_bytes", "0.5x"}})).second.find("max_loss and target_bytes"),
            std::string::npos);
  const std::string dear = said(goal_settings({{"target_bytes", "0.01x"}})).second;
  EXPECT_NE(dear.find("no assignment meets 'target_bytes' 0.01x: the least is "), std::string::npos) << dear;
  EXPECT_NE(dear.find(" bytes, 0."), std::string::npos) << dear;
  EXPECT_NE(said(goal_settings({{"target_bytes", "much"}})).second.find("target_bytes"), std::string::npos);
  EXPECT_NE(said(goal_settings({{"target_bytes", "0.5x"}, {"widths", Json::array({"3"})}})).second.find("3 bits"),
            std::string::npos);
  EXPECT_NE(said(goal_settings({{"max_loss", 0.1}, {"widths", Json::array({"float"})}})).second.find("beside float"),
            std::string::npos);
  EXPECT_NE(said(goal_settings({{"target_latency", "11"}})).second.find("expected a time"), std::string::npos);
  table.model_sha256 = "fedcba98765432100000";
  EXPECT_NE(said(goal_settings({{"target_bytes", "0.5x"}})).second.find("of this model"), std::string::npos);
}

}  // namespace
}  // namespace quench::bits
