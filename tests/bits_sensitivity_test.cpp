// Sensitivity of layers: changes of one layer against whole models that were changed, and the table.
#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>

#include "bits/changed_run.h"
#include "bits/layer_changes.h"
#include "bits/measure.h"
#include "bits/sensitivity_rows.h"
#include "bits/side_by_side.h"
#include "bits_testing.h"
#include "config/tables.h"
#include "error_testing.h"
#include "graph/links.h"
#include "nn/graph_module.h"
#include "nn/intra_op_threads.h"
#include "quant/float_twin.h"
#include "quant/placement_settings.h"
#include "shards_testing.h"

namespace quench::bits {
namespace {

using quant::branched_graph;
using quant::noise_batches;
using quant::noise_splits;
using quant::prepared_graph;

Json settings_with(std::initializer_list<std::pair<const char*, Json>> changes = {}) {
  Json settings = config::sensitivity_options().defaults();
  settings["calibration_images"] = 96;
  settings["images"] = 96;
  for (const auto& [key, value] : changes) settings[key] = value;
  return settings;
}

torch::Tensor output_of(const graph::Graph& graph, const Tensor& images) {
  const torch::NoGradGuard no_gradient;
  nn::GraphModule module(graph);
  return module.forward(nn::to_torch(images).permute({0, 3, 1, 2})).at(0);
}

double distance(const torch::Tensor& a, const torch::Tensor& b) { return (a - b).abs().max().item<double>(); }

/// A prepared model, its twin, and what changes are made from.
struct Made {
  graph::Graph model = branched_graph();
  Json settings = config::quantize_options().defaults();
  quant::Prepared prepared;
  graph::Graph twin;

  Made() {
    settings["calibration_images"] = 96;
    prepared = quant::prepare(model, noise_splits(), settings, {}, CancelToken{});
    twin = quant::float_twin(prepared.graph, model);
  }
  LayerSource source() const {
    return {model, twin, prepared, quant::placement_options(settings), quant::weight_rule(settings)};
  }
};

TEST(ChangedRun, WithoutAChangeItIsTheModel) {
  const Made made;
  const Tensor images = noise_batches(16).at(0);
  const torch::Tensor pixels = nn::to_torch(images).permute({0, 3, 1, 2});
  for (const graph::Graph* graph : {&made.twin, &made.prepared.graph}) {
    nn::WeightStore weights = nn::load_weights(*graph, {});
    EXPECT_LT(distance(ChangedRun(*graph, weights, pixels).outputs().at(0), output_of(*graph, images)), 1e-6);
  }
}

TEST(ChangedRun, ALayerAloneIsAModelOfWhichItAloneIsQuantized) {
  const Made made;
  const Tensor images = noise_batches(16).at(0);
  nn::WeightStore weights = nn::load_weights(made.twin, {});
  const ChangedRun run(made.twin, weights, nn::to_torch(images).permute({0, 3, 1, 2}));
  int compared = 0;
  for (size_t i = 0; i < made.twin.nodes.size(); ++i) {
    const graph::Node& node = made.twin.nodes[i];
    if (!made.twin.weight(node, "weight")) continue;
    for (const int bits : {8, 3}) {
      double error = -1;
      Change change = alone(made.source(), i, bits, error);
      graph::Graph one = made.twin;  // its weights rounded by hand, its input through a rounding of the edge
      graph::Weight& weight = *one.weight(node, "weight");
      weight.quant = quant::weight_params(made.prepared.graph, node, bits, quant::weight_rule(made.settings));
      const auto values = made.twin.required_weight(node, "weight").value.values<float>();
      const auto& scale = weight.quant->scale;
      double expected_error = 0;
      for (size_t k = 0; k < values.size(); ++k) {
        const double s = scale[scale.size() == 1 ? 0 : k / (values.size() / scale.size())];
        const double q =
            std::clamp<double>(std::nearbyint(values[k] / s), weight.quant->q_min(), weight.quant->q_max());
        expected_error += std::pow(q * s - values[k], 2);
      }
      EXPECT_NEAR(error, expected_error, 1e-3 * expected_error) << node.name;
      const auto readers = graph::Links(one).consumers.at(static_cast<size_t>(node.inputs[0])).size();
      if (readers > 1) continue;  // rounding the edge would reach the others, too
      one.edge(node.inputs[0]).quant = made.prepared.graph.edge(node.inputs[0]).quant;
      EXPECT_LT(distance(run.outputs(change).at(0), output_of(one, images)), 1e-5) << node.name << " " << bits;
      ++compared;
    }
  }
  EXPECT_GE(compared, 6);
}

TEST(ChangedRun, AllButALayerIsTheModelWithThatLayerInFloat) {
  const Made made;
  const Tensor images = noise_batches(16).at(0);
  nn::WeightStore weights = nn::load_weights(made.prepared.graph, {});
  const ChangedRun run(made.prepared.graph, weights, nn::to_torch(images).permute({0, 3, 1, 2}));
  const torch::Tensor all = run.outputs().at(0);
  for (size_t i = 0; i < made.twin.nodes.size(); ++i) {
    const graph::Node& node = made.twin.nodes[i];
    if (!made.twin.weight(node, "weight")) continue;
    Json settings = made.settings;
    settings["float_layers"] = Json::array({node.name});
    graph::Graph expected = quant::prepare(made.model, noise_splits(), settings, {}, CancelToken{}).graph;
    // Groups fall apart where a layer is in float, and get other ranges; the change keeps those of the whole.
    for (size_t e = 0; e < expected.edges.size(); ++e) {
      if (expected.edges[e].quant) expected.edges[e].quant = made.prepared.graph.edges[e].quant;
    }
    for (auto& [name, weight] : expected.weights) {
      if (weight.quant) weight.quant = made.prepared.graph.weights.at(name).quant;
    }
    Change change = in_float(made.source(), i);
    const torch::Tensor found = run.outputs(change).at(0);
    EXPECT_LT(distance(found, output_of(expected, images)), 1e-5) << node.name;
    EXPECT_GT(distance(found, all), 1e-6) << node.name;
  }
}

TEST(Sensitivity, FewerBitsHurtMoreAndTheTableIsReadAgain) {
  const graph::Graph model = branched_graph();
  const Sensitivity table =
      measure_sensitivity(file_of(model), noise_splits(), settings_with({{"scores", true}}), {}, CancelToken{});
  ASSERT_EQ(table.layers.size(), 5u);
  EXPECT_EQ(table.images, 96);
  EXPECT_EQ(table.score_name, "top1");
  double sum = 0;
  for (const LayerSensitivity& layer : table.layers) {
    ASSERT_EQ(layer.widths.size(), 3u);
    EXPECT_LT(layer.widths.at(8).alone.error, layer.widths.at(4).alone.error) << layer.layer;
    EXPECT_LT(layer.widths.at(4).alone.error, layer.widths.at(2).alone.error) << layer.layer;
    EXPECT_LT(layer.widths.at(8).weight_error, layer.widths.at(2).weight_error) << layer.layer;
    EXPECT_TRUE(layer.trace.has_value());
    EXPECT_LT(layer.rest.error, 2 * table.all.error) << layer.layer;
    sum += layer.widths.at(8).alone.error;
  }
  EXPECT_GT(sum, 0.2 * table.all.error) << "errors of single layers make up the whole";
  EXPECT_LT(sum, 5 * table.all.error);
  EXPECT_EQ(sensitivity_from(to_json(table), "there"), table);
  EXPECT_EQ(rows_of(table).size(), 6u);
  for (const auto& row : rows_of(table)) EXPECT_EQ(row.size(), rows_of(table)[0].size());
  const std::string page = report::layer_page(page_of(table));
  for (const char* text : {"conv3", "layer-data", "Loss, less that in float", "96 training images"}) {
    EXPECT_NE(page.find(text), std::string::npos) << text;
  }
}

TEST(Sensitivity, OfOneSeedItIsTheSame) {
  const graph::Graph model = branched_graph();
  const Json settings = settings_with({{"bits", Json::array({"4"})}, {"images", 32}});
  const auto once = measure_sensitivity(file_of(model), noise_splits(), settings, {}, CancelToken{});
  EXPECT_EQ(once, measure_sensitivity(file_of(model), noise_splits(), settings, {}, CancelToken{}));
}

TEST(Sensitivity, OfSeveralProcessesItIsThatOfOne) {
  const graph::Graph model = branched_graph();
  const Json settings = settings_with({{"bits", Json::array({"4"})}, {"scores", true}, {"hessian_probes", 3}});
  quant::Prepared prepared;
  const Sensitivity whole = measure_sensitivity(file_of(model), noise_splits(), settings, {}, CancelToken{}, &prepared);
  for (const int processes : {1, 2, 3, 7}) {
    const auto all = ActedShards(processes).run<std::pair<Sensitivity, graph::Graph>>([&](const Shards& shards) {
      quant::Prepared own;
      const Sensitivity table =
          measure_sensitivity(file_of(model), noise_splits(), settings, {}, CancelToken{}, &own, &shards);
      return std::pair(table, own.graph);
    });
    for (const auto& [table, graph] : all) {
      EXPECT_EQ(to_json(table).dump(), to_json(whole).dump()) << processes;
      EXPECT_TRUE(graph == prepared.graph);
    }
  }
}

TEST(Sensitivity, DoesNotDependOnThreads) {
  const graph::Graph model = branched_graph();
  const Json settings = settings_with({{"bits", Json::array({"4"})}});
  const auto with = [&](int threads) {
    const nn::IntraOpThreads set(threads);
    return measure_sensitivity(file_of(model), noise_splits(), settings, {}, CancelToken{});
  };
  const Sensitivity one = with(1);
  for (const int threads : {2, 3}) EXPECT_EQ(with(threads), one) << threads;
}

TEST(Sensitivity, GradientsSideBySideAreAddedInOrder) {
  const graph::Graph model = branched_graph();
  const std::vector<Tensor> images = noise_batches(96);
  const nn::IntraOpThreads one(1);
  const auto gradients = [&](size_t copies) {
    nn::GraphModule module(model);
    SideBySide side(module, model, copies);
    size_t at = 0;
    side.add_gradients(
        [&]() -> std::optional<data::Batch> {
          if (at == images.size()) return std::nullopt;
          data::Batch batch;
          batch.images = images[at++];
          return batch;
        },
        [&](nn::GraphModule& copy, const data::Batch& batch, size_t) {
          return copy.forward(nn::to_torch(batch.images).permute({0, 3, 1, 2})).at(0).square().sum();
        });
    return module.parameters();
  };
  nn::GraphModule plain(model);
  for (const Tensor& batch : images) {
    plain.forward(nn::to_torch(batch).permute({0, 3, 1, 2})).at(0).square().sum().backward();
  }
  for (const size_t copies : {1, 2, 4}) {
    const auto found = gradients(copies);
    for (const auto& [name, value] : plain.parameters()) {
      EXPECT_TRUE(found.at(name).grad().equal(value.grad())) << name << " " << copies;
    }
  }
}

TEST(Sensitivity, BadInputIsSaid) {
  const graph::Graph model = branched_graph(), quantized = prepared_graph(model);
  const auto said = [&](const graph::Graph& graph, const Json& settings) {
    return error_of([&] { measure_sensitivity(file_of(graph), noise_splits(), settings, {}, CancelToken{}); });
  };
  EXPECT_NE(said(quantized, settings_with()).second.find("expected a float model"), std::string::npos);
  EXPECT_NE(said(model, settings_with({{"float_layers", Json::array({"conv*", "fc"})}})).second.find("got none"),
            std::string::npos);
  graph::Graph damaged = model;
  damaged.weights.at("conv2.weight").value.mutable_values<float>()[0] = NAN;
  EXPECT_EQ(said(damaged, settings_with()).first, ErrorKind::data);

  const Json good = to_json(measure_sensitivity(
      file_of(model), noise_splits(),
      settings_with({{"bits", Json::array({"4"})}, {"images", 16}, {"hessian_probes", 0}}), {}, CancelToken{}));
  const auto refused = [&](const char* pointer, const Json& value) {
    Json bad = good;
    bad[Json::json_pointer(pointer)] = value;
    return error_of([&] { sensitivity_from(bad, "table.json"); });
  };
  for (const auto& [pointer, value] :
       std::initializer_list<std::pair<const char*, Json>>{{"/form", "other"},
                                                           {"/layers", 3},
                                                           {"/layers/0/widths/0/bits", 1},
                                                           {"/layers/0/params", -1},
                                                           {"/all/error", "x"},
                                                           {"/loss", nullptr},
                                                           {"/layers/1/rest", Json::array()}}) {
    EXPECT_EQ(refused(pointer, value).first, ErrorKind::data) << pointer;
    EXPECT_EQ(refused(pointer, value).second.find("table.json: expected"), 0u) << refused(pointer, value).second;
  }
  EXPECT_EQ(error_of([] { sensitivity_from(Json::array(), "t"); }).first, ErrorKind::data);
}

}  // namespace
}  // namespace quench::bits
