// What `quench why` finds: structure, readings, changes of layers and of the whole, times, and bad input.
#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>

#include "bits/changed_run.h"
#include "error_testing.h"
#include "graph/links.h"
#include "graph/op_traits.h"
#include "nn/graph_module.h"
#include "why/changes.h"
#include "why/readings.h"
#include "why/rows.h"
#include "why/structure.h"
#include "why_testing.h"

namespace quench::why {
namespace {

using quant::branched_graph;
using quant::noise_batches;
using quant::noise_splits;

torch::Tensor pixels() { return nn::to_torch(noise_batches(16).at(0)).permute({0, 3, 1, 2}); }

torch::Tensor output_of(const graph::Graph& graph) {
  const torch::NoGradGuard no_gradient;
  nn::GraphModule module(graph);
  return module.forward(pixels()).at(0);
}

double distance(const torch::Tensor& a, const torch::Tensor& b) { return (a - b).abs().max().item<double>(); }

Forms forms_with(const graph::Graph& model, std::initializer_list<std::pair<const char*, Json>> settings = {}) {
  const graph::ModelFile quantized = file_of(converted_graph(model, settings)), reference = file_of(model);
  return forms_of(quantized, &reference);
}

const LayerFinding& layer_named(const std::vector<LayerFinding>& layers, const std::string& name) {
  return *std::ranges::find(layers, name, &LayerFinding::layer);
}

TEST(Structure, SaysWhatRunsInIntegersAndWhyNot) {
  const auto layers = layers_of(converted_graph(branched_graph(), {{"float_layers", Json::array({"conv2"})}}));
  ASSERT_EQ(layers.size(), 5u);
  for (const LayerFinding& layer : layers) EXPECT_EQ(layer.integer, layer.layer != "conv2") << layer.layer;
  EXPECT_EQ(layer_named(layers, "conv2").reason, "it is named in float_layers");
  // conv1's values are bytes, and become float again for conv2, which gives floats that the concat makes bytes.
  EXPECT_EQ(layer_named(layers, "conv2").conversions, 2);
  EXPECT_EQ(layer_named(layers, "conv1").conversions, 0);
  EXPECT_TRUE(layer_named(layers, "fc").head);
  EXPECT_FALSE(layer_named(layers, "conv4").head);
  EXPECT_EQ(layer_named(layers, "conv1").bits_w, 8);
  EXPECT_FALSE(layer_named(layers, "conv1").one_weight_scale);
  for (const LayerFinding& layer : layers_of(converted_graph(branched_graph(), {{"weights", "per_tensor"}}))) {
    EXPECT_TRUE(layer.one_weight_scale) << layer.layer;
  }
}

TEST(Structure, CountsRoundingsBetweenSumsAndTheNextReader) {
  const auto roundings = [](std::initializer_list<std::pair<const char*, Json>> settings) {
    return layer_named(layers_of(converted_graph(branched_graph(), settings)), "conv1").roundings;
  };
  EXPECT_EQ(roundings({}), 1);
  EXPECT_EQ(roundings({{"silu_tables", true}}), 2);
  EXPECT_EQ(roundings({{"target", "onnxruntime"}}), 3) << "the sums, their sigmoid and the product";
}

TEST(Structure, AHeadInFloatSaysSo) {
  quant::GraphSketch s;
  const auto a = s.conv("conv1", s.image(), 3, 8, 3, graph::Activation::silu);
  const graph::Graph model = s.done({s.conv("head", a, 8, 4, 1)});
  const auto layers = layers_of(converted_graph(model));
  EXPECT_EQ(layer_named(layers, "head").reason, "it makes an output, and heads stay in float");
  EXPECT_TRUE(layer_named(layers_of(converted_graph(model, {{"quantize_head", true}})), "head").integer);
}

TEST(Readings, AreThoseOfTheValuesThemselves) {
  const graph::Graph model = branched_graph();
  Forms forms = forms_with(model);
  const graph::EdgeId edge = quant::node_named(forms.quantized, "conv3").inputs[0];
  graph::QuantParams& params = *forms.quantized.edge(edge).quant;
  params.scale[0] *= 0.4f;  // so that values are clamped
  const std::vector<Tensor> images = noise_batches();
  const Reading found = readings(forms.quantized, forms.reference, images, CancelToken{}).at(edge);

  std::vector<double> values;
  nn::GraphModule module(forms.reference);
  module.set_edge_hook([&](graph::EdgeId id, const torch::Tensor& value) {
    if (id != edge) return;
    const torch::Tensor flat = value.contiguous().flatten();
    values.insert(values.end(), flat.data_ptr<float>(), flat.data_ptr<float>() + flat.numel());
  });
  const torch::NoGradGuard no_gradient;
  for (const Tensor& batch : images) module.forward(nn::to_torch(batch).permute({0, 3, 1, 2}));
  const auto count = static_cast<double>(values.size());
  double low = 0, high = 0;
  std::vector<long> steps;
  for (const double x : values) {
    const long q = std::lround(x / params.scale[0]) + params.zero_point[0];
    low += q < 0;
    high += q > 255;
    steps.push_back(std::clamp(q, 0L, 255L));
  }
  std::ranges::sort(steps);
  EXPECT_GT(high, 0);
  EXPECT_NEAR(found.clamped_low, low / count, 2 / count);  // halves are rounded to even there, away from 0 here
  EXPECT_NEAR(found.clamped_high, high / count, 2 / count);
  const auto cut = static_cast<size_t>(0.0005 * count);
  const double used = static_cast<double>(steps[steps.size() - 1 - cut] - steps[cut] + 1) / 256;
  EXPECT_NEAR(found.range_use, used, 2.0 / 256);
}

TEST(Changes, AllLayersInFloatAreTheFloatModel) {
  const graph::Graph model = branched_graph();
  for (const char* target : {"native", "onnxruntime"}) {
    const Forms forms = forms_with(model, {{"target", target}});
    std::set<size_t> layers;
    for (size_t i = 0; i < forms.quantized.nodes.size(); ++i) {
      if (graph::traits(forms.quantized.nodes[i].op).layer) layers.insert(i);
    }
    const torch::Tensor expected = output_of(forms.reference);
    EXPECT_GT(distance(output_of(forms.quantized), expected), 1e-4);
    EXPECT_LT(distance(output_of(with_layers_in_float(forms, layers)), expected), 1e-5) << target;
  }
}

TEST(Changes, OfOneLayerAreWholeModelsWithThatChange) {
  const graph::Graph model = branched_graph();
  const Forms forms = forms_with(model, {{"bits_w", 4}});
  nn::WeightStore weights = nn::load_weights(forms.quantized, {}), floats = nn::load_weights(forms.reference, {});
  const torch::Tensor images = pixels();
  const bits::ChangedRun quantized(forms.quantized, weights, images), reference(forms.reference, floats, images);
  const torch::Tensor all = quantized.outputs().at(0), none = reference.outputs().at(0);
  EXPECT_LT(distance(all, output_of(forms.quantized)), 1e-6);
  const graph::Links links(forms.quantized);
  for (size_t i = 0; i < forms.quantized.nodes.size(); ++i) {
    const graph::Node& node = forms.quantized.nodes[i];
    if (!graph::traits(node.op).layer) continue;
    bits::Change change = in_float(forms, i);
    const torch::Tensor without = quantized.outputs(change).at(0);
    EXPECT_LT(distance(without, output_of(with_layers_in_float(forms, {i}))), 1e-5) << node.name;
    EXPECT_GT(distance(without, all), 1e-6) << node.name;
    bits::Change own = alone(forms, i);
    const torch::Tensor with = reference.outputs(own).at(0);
    EXPECT_GT(distance(with, none), 1e-6) << node.name;
    if (links.consumers[static_cast<size_t>(node.inputs[0])].size() > 1) continue;  // others would see it rounded, too
    graph::Graph one = forms.reference;
    *one.weight(node, "weight") = *forms.quantized.weight(node, "weight");
    if (node.inputs[0] != one.inputs[0]) one.edge(node.inputs[0]).quant = forms.quantized.edge(node.inputs[0]).quant;
    EXPECT_LT(distance(with, output_of(one)), 0.1 * distance(none, with)) << node.name;  // but for its bias
  }
}

TEST(Trials, AreThoseThatChangeSomething) {
  const graph::Graph model = branched_graph();
  const auto names = [&](std::initializer_list<std::pair<const char*, Json>> settings, bool against) {
    std::string text;
    for (const auto& [trial, graph] : trials_of(forms_with(model, settings), against, {}, {})) {
      text += std::string(to_string(trial)) + " ";
    }
    return text;
  };
  EXPECT_EQ(names({}, true), "head_in_float weights_in_float activations_in_float ");
  EXPECT_EQ(names({}, false), "head_in_float activations_in_float ");
  EXPECT_EQ(names({{"weights", "per_tensor"}, {"bits_a", 4}, {"silu_tables", true}}, true),
            "head_in_float weights_in_float activations_in_float weights_per_channel rounded_once ");
}

TEST(Trials, EightBitsAreOfTheObserverThatTheModelHad) {
  const graph::Graph model = branched_graph();
  const data::Splits splits = noise_splits();
  const Findings narrow = findings_of(converted_graph(model, {{"bits_a", 4}}), &model, &splits);
  const Findings wide = findings_of(converted_graph(model), &model, &splits);
  const double mended = narrow.trials.at(Trial::activations_8_bits).error;
  EXPECT_LT(mended, 0.1 * narrow.all->error);
  // On half of the images that calibrated the other.
  EXPECT_NEAR(mended, wide.all->error, 0.3 * wide.all->error);
  EXPECT_FALSE(wide.trials.contains(Trial::activations_8_bits));
}

TEST(Trials, ErrorsFallWhereACauseIsTaken) {
  const graph::Graph model = branched_graph();
  const data::Splits splits = noise_splits();
  const Findings findings =
      findings_of(converted_graph(model, {{"weights", "per_tensor"}, {"bits_w", 4}}), &model, &splits);
  ASSERT_TRUE(findings.all.has_value());
  EXPECT_EQ(findings.images, 48);
  const double all = findings.all->error;
  const double weights = findings.trials.at(Trial::weights_in_float).error;
  const double activations = findings.trials.at(Trial::activations_in_float).error;
  EXPECT_LT(weights, 0.2 * all) << "4 bits of weights, 8 of activations";
  EXPECT_GT(activations, 0.5 * all);
  EXPECT_LT(findings.trials.at(Trial::weights_per_channel).error, all);
  // The observer was mse on these very images, or nearly.
  EXPECT_NEAR(findings.trials.at(Trial::least_squares_ranges).error, all, 0.2 * all);
  double alone = 0;
  for (const LayerFinding& layer : findings.layers) {
    ASSERT_TRUE(layer.part && layer.noise && layer.reading);
    alone += layer.part->alone.error;
    EXPECT_NEAR(layer.part->share, 1 - layer.part->without.error / all, 1e-12);
  }
  EXPECT_GT(alone, 0.2 * all) << "errors of single layers make up the whole";
  EXPECT_LT(alone, 5 * all);
}

TEST(Parting, IsAtTheFirstLayerBelowTheThreshold) {
  const graph::Graph model = branched_graph();
  const data::Splits splits = noise_splits();
  const graph::Graph quantized = converted_graph(model, {{"layer_bits", Json::array({"conv3=w2"})}});
  const Findings findings = findings_of(quantized, &model, &splits);
  ASSERT_TRUE(findings.parts_at.has_value());
  EXPECT_EQ(findings.layers[*findings.parts_at].layer, "conv3");
  EXPECT_FALSE(findings_of(converted_graph(model), &model, &splits).parts_at.has_value());
}

TEST(Examine, WithoutTheFloatModelWeightsHaveNoError) {
  const graph::Graph model = branched_graph();
  const data::Splits splits = noise_splits();
  const Findings findings = findings_of(converted_graph(model, {{"bits_w", 2}}), nullptr, &splits);
  EXPECT_EQ(findings.unknown.size(), 1u);
  const Findings with = findings_of(converted_graph(model, {{"bits_w", 2}}), &model, &splits);
  EXPECT_LT(findings.all->error, 0.2 * with.all->error) << "2 bits of weights are the model here";
  // Nothing but the order of float sums differs.
  for (const LayerFinding& layer : findings.layers) EXPECT_GT(layer.noise->weights_db, 100) << layer.layer;
  for (const auto& row : rows_of(findings)) EXPECT_EQ(row.size(), rows_of(findings)[0].size());
  EXPECT_EQ(std::ranges::count(rows_of(findings)[0], "w dB"), 0);
}

TEST(Examine, OfOneSeedItIsTheSame) {
  const graph::Graph model = branched_graph();
  const data::Splits splits = noise_splits();
  const graph::Graph quantized = converted_graph(model);
  EXPECT_EQ(to_json(findings_of(quantized, &model, &splits)), to_json(findings_of(quantized, &model, &splits)));
}

TEST(Times, AreSumsOfInstructions) {
  Profile profile;
  profile.quantized = {{"image", "load", 5, 0, 0},        {"a", "conv_u8", 100, 10, 0}, {"b", "dequantize", 7, 0, 0},
                       {"b", "conv_f32", 300, 10, 0},     {"b", "quantize", 11, 0, 0},  {"cat", "table", 13, 0, 0},
                       {"outputs", "to_planar", 17, 0, 0}};
  profile.in_float = {{"a", "conv_f32", 200, 10, 0}, {"b", "conv_f32", 290, 10, 0}, {"outputs", "to_planar", 19, 0, 0}};
  const ModelTime time = model_time(profile);
  EXPECT_EQ(time.quantized_ns, 453);
  EXPECT_EQ(time.float_ns, 509);
  EXPECT_EQ(time.layers_ns, 400);
  EXPECT_EQ(time.float_layers_ns, 300);
  EXPECT_EQ(time.conversions_ns, 18);
  EXPECT_EQ(time.requantizations_ns, 13);
  EXPECT_EQ(time.reorders_ns, 22);
  const LayerTime layer = layer_time(profile, "b");
  EXPECT_EQ(layer.quantized_ns, 300);
  EXPECT_EQ(layer.float_ns, 290);
  EXPECT_EQ(layer.conversions_ns, 18);
  EXPECT_FALSE(layer.in_integers);
  EXPECT_TRUE(layer_time(profile, "a").in_integers);
  EXPECT_EQ(error_of([&] { layer_time(profile, "c"); }).first, ErrorKind::internal);
}

TEST(Times, OfTheNativeEngineAreOfAllLayers) {
  const graph::Graph model = branched_graph();
  const CancelToken cancel;
  const graph::ModelFile quantized = file_of(converted_graph(model, {{"float_layers", Json::array({"conv2"})}}));
  const graph::ModelFile reference = file_of(model);
  for (const graph::ModelFile* against : {&reference, static_cast<const graph::ModelFile*>(nullptr)}) {
    const Findings findings = examine({quantized, against}, why_settings(), native_profiler(1, 3, cancel), {}, cancel);
    ASSERT_TRUE(findings.time.has_value()) << findings.no_time;
    EXPECT_EQ(findings.time->stand_in, against == nullptr);
    for (const LayerFinding& layer : findings.layers) {
      EXPECT_EQ(layer.time->in_integers, layer.layer != "conv2") << layer.layer;
      EXPECT_GT(layer.time->float_ns, 0);
      EXPECT_EQ(layer.time->conversions_ns > 0, layer.layer == "conv2") << layer.layer;
    }
  }
}

TEST(Times, ThatCannotBeTakenAreAFinding) {
  const graph::Graph model = branched_graph(), unfinished = quant::prepared_graph(model);
  const CancelToken cancel;
  const graph::ModelFile file = file_of(unfinished);
  const Findings findings = examine({file}, why_settings(), native_profiler(1, 3, cancel), {}, cancel);
  EXPECT_NE(findings.no_time.find("convert first"), std::string::npos) << findings.no_time;
  EXPECT_GE(findings.advice.size(), 2u);
}

TEST(Findings, AreTextAndAPage) {
  const graph::Graph model = branched_graph();
  const data::Splits splits = noise_splits();
  const Findings findings = findings_of(converted_graph(model), &model, &splits);
  const auto rows = rows_of(findings);
  ASSERT_EQ(rows.size(), 6u);
  for (const auto& row : rows) EXPECT_EQ(row.size(), rows[0].size());
  const Json json = to_json(findings);
  EXPECT_EQ(json["form"], "quench why 1");
  EXPECT_EQ(json["layers"].size(), 5u);
  for (const char* key :
       {"time_ns", "float_time_ns", "clamped_low", "clamped_high", "range_use", "sqnr_db", "own_db", "share"}) {
    EXPECT_TRUE(json["layers"][2][key].is_number()) << key;
  }
  EXPECT_GE(json["advice"].size(), 3u);
  const std::string page = report::layer_page(page_of(findings));
  for (const char* text : {"conv3", "Time of each layer", "Signal over noise", "1. "}) {
    EXPECT_NE(page.find(text), std::string::npos) << text;
  }
}

TEST(Examine, BadInputIsSaid) {
  const graph::Graph model = branched_graph(), quantized = converted_graph(model);
  const data::Splits splits = noise_splits();
  const auto said = [&](const graph::Graph& of, const graph::Graph* against) {
    return error_of([&] { findings_of(of, against, &splits); });
  };
  EXPECT_NE(said(model, nullptr).second.find("expected a quantized model, got a float one (q.onnx)"),
            std::string::npos);
  EXPECT_NE(said(quantized, &quantized).second.find("got a quantized one"), std::string::npos);

  quant::GraphSketch sketch;
  const graph::Graph other = sketch.done({sketch.conv("conv1", sketch.image(), 3, 8)});
  EXPECT_NE(said(quantized, &other).second.find("without layer"), std::string::npos) << said(quantized, &other).second;
  EXPECT_NE(said(converted_graph(other, {{"quantize_head", true}}), &model).second.find("with another layer"),
            std::string::npos);

  graph::Graph wider = model;
  wider.weights.at("conv2.weight").value = Tensor(DType::f32, {8, 8, 1, 1});
  EXPECT_NE(said(quantized, &wider).second.find("conv2.weight"), std::string::npos);
  graph::Graph more = model;
  more.outputs.push_back(quant::node_named(more, "conv4").outputs[0]);
  EXPECT_NE(said(quantized, &more).second.find("expected a model of outputs [1,5], got [1,5], [1,8,16,16]"),
            std::string::npos)
      << said(quantized, &more).second;
  graph::Graph damaged = model;
  damaged.weights.at("conv2.weight").value.mutable_values<float>()[3] = NAN;
  EXPECT_EQ(said(quantized, &damaged).first, ErrorKind::data);
  EXPECT_NE(said(quantized, &damaged).second.find("expected finite weights"), std::string::npos);

  graph::Graph named = quantized;
  named.metadata["classes"] = R"(["v","w","x","y","z"])";
  EXPECT_EQ(said(named, nullptr).first, ErrorKind::data);
  EXPECT_NE(said(named, nullptr).second.find("5 classes (v, ...)"), std::string::npos) << said(named, nullptr).second;
}

}  // namespace
}  // namespace quench::why
