#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <span>

#include "config/activation_scales.h"
#include "config/count_in.h"
#include "config/level_rules.h"
#include "config/requantization.h"
#include "config/tables.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/text.h"
#include "data/sets/listed_subset.h"
#include "graph/quantized.h"
#include "graph/sparse_layers.h"
#include "graph/verify.h"
#include "quant/calibrate.h"
#include "quant/placement_settings.h"
#include "quant/prepared_with.h"
#include "quant/quantize.h"
#include "quant/weight_params.h"

namespace quench::quant {
namespace {

Json settings_from(const Json& config) {
  const config::OptionSet& options = config::quantize_options();
  Json settings = options.checked(options.part_of(config), "quantize");
  config::require_levels(settings, "quantize");
  config::require_activation_scales(settings, "quantize");
  return settings;
}

/// Edges that layers with quantized weights read.
std::vector<graph::EdgeId> inputs_of(const Placement& placement) {
  std::vector<graph::EdgeId> edges;
  for (const graph::Node& node : placement.graph.nodes) {
    if (std::ranges::count(placement.weights, node.name) > 0) edges.push_back(node.inputs.at(0));
  }
  return edges;
}

/// Chooses the scales of weights: here, once.
void set_weight_params(graph::Graph& graph, const Placement& placement, const WeightRule& rule,
                       const std::map<graph::EdgeId, std::vector<double>>& mean_squares) {
  std::map<std::string, int> bits;
  for (size_t i = 0; i < placement.weights.size(); ++i) bits[placement.weights[i]] = placement.weight_bits[i];
  for (const graph::Node& node : graph.nodes) {
    if (!bits.contains(node.name)) continue;
    const auto squares = mean_squares.find(node.inputs.at(0));
    graph.weight(node, "weight")->quant =
        weight_params(graph, node, bits.at(node.name), rule,
                      squares == mean_squares.end() ? std::span<const double>() : squares->second);
  }
}

using Ranges = std::map<graph::EdgeId, graph::QuantParams>;

/// What a calibration looked at.
struct Looked {
  int64_t images = 0;
  std::string sha256;
};

Ranges ranges_of(const Placement& placement, const std::vector<graph::QuantParams>& params, Target target) {
  Ranges ranges;
  for (size_t i = 0; i < placement.groups.size(); ++i) {
    for (const graph::EdgeId edge : placement.groups[i]) ranges[edge] = for_target(params.at(i), target);
  }
  return ranges;
}

/// The images that settings ask for: a list of them, or a seeded choice.
data::Subset subset_of(const data::Dataset& images, const Json& settings) {
  if (settings.contains("calibration_list")) {
    std::vector<int64_t> indices;
    for (const Json& entry : settings["calibration_list"]) {
      indices.push_back(config::count_in(entry.get<std::string>(), 0, "quantize: calibration_list"));
    }
    return data::listed_subset(images, std::move(indices));
  }
  return data::calibration_subset(images, settings["calibration_images"].get<int64_t>(),
                                  settings["calibration_seed"].get<uint64_t>());
}

/// A placement with ranges of its edges: the model, its weights' scales chosen, and what its metadata tell.
Prepared assemble(Placement placement, const Ranges& ranges, const Json& settings, const PlacementOptions& options,
                  const Looked& looked, std::map<graph::EdgeId, std::vector<double>> mean_squares) {
  Prepared out{std::move(placement.graph), placement.float_layers, looked.sha256, std::move(mean_squares)};
  for (const auto& [edge, fixed] : placement.fixed) out.graph.edge(edge).quant = fixed;
  for (const auto& group : placement.groups) {
    for (const graph::EdgeId edge : group) out.graph.edge(edge).quant = ranges.at(edge);
  }
  const WeightRule rule = weight_rule(settings);
  set_weight_params(out.graph, placement, rule, out.mean_squares);

  auto& metadata = out.graph.metadata;
  metadata["method"] = "ptq";
  for (const char* key : {"target", "weights"}) metadata[key] = settings[key].get<std::string>();
  if (options.dynamic) {
    metadata["activation_scales"] = "dynamic";
  } else {
    metadata["observer"] = settings["observer"].get<std::string>();
  }
  // Scales that do not follow from the largest weights: so that training keeps them.
  const bool covers = rule.scales == "max_abs";
  metadata.erase("weight_scales");
  if (!covers || config::levels_choose_scales(rule.levels) || rule.power_of_two || rule.group_size > 0) {
    metadata["weight_scales"] = "fixed";
  }
  if (!covers) metadata["weight_scales_by"] = rule.scales;
  if (rule.power_of_two) metadata["scales"] = "power_of_two";
  if (rule.levels != "uniform") metadata["levels"] = rule.levels;
  if (rule.group_size > 0) metadata["group_size"] = std::to_string(rule.group_size);
  if (config::has_dyadic_requantization(settings)) metadata["requantization"] = "dyadic";
  metadata["activations"] = options.symmetric ? "symmetric" : "asymmetric";
  metadata["bits_w"] = std::to_string(options.bits_w);
  metadata["bits_a"] = std::to_string(options.bits_a);
  if (!options.layer_bits.empty()) metadata["layer_bits"] = fmt::format("{}", fmt::join(options.layer_bits, ","));
  metadata["float_layers"] = fmt::format("{}", fmt::join(out.float_layers, ","));
  if (config::quantize_looks_at_images(settings)) {
    metadata["calibration_images"] = std::to_string(looked.images);
    metadata["calibration_sha256"] = looked.sha256;
  }
  graph::verify(out.graph);
  return out;
}

void warn(const LogSink& log, const Json& settings, const PlacementOptions& options, const Placement& placement) {
  const bool fewer = std::ranges::any_of(placement.group_bits, [](int bits) { return bits < 8; });
  if (options.target == Target::onnxruntime && fewer) {
    log.warning(
        "quantize: ONNX Runtime has 8-bit kernels: fewer activation bits are kept by Clip and run in float there");
  }
  if (options.target == Target::tensorrt && settings["activations"] == "asymmetric") {
    log.info("quantize: TensorRT takes symmetric activations: int8 symmetric used");
  }
  if (options.bits_w < settings["bits_w"].get<int>()) {
    log.info(fmt::format(
        "quantize: weights of {} bits for {}: with 8, sums of 16 bits would saturate on processors without VNNI (where "
        "all have it: --layer-bits '*=w8')",
        options.bits_w, to_string(options.target)));
  }
}

}  // namespace

Prepared prepare(const graph::Graph& float_graph, const data::Splits& data, const Json& config, const LogSink& log,
                 const CancelToken& cancel, const Shards* shards) {
  const int64_t start_ns = now_ns();
  const Json settings = settings_from(config);
  if (settings.value("levels", std::string("uniform")) == "binary" && graph::is_sparse(float_graph)) {
    fail(ErrorKind::config,
         "quantize: expected a model without weights held at zero with 'levels: binary', which has "
         "no zero, got a sparse one");
  }
  const PlacementOptions options = placement_options(settings);
  Placement placement = place(float_graph, options);
  warn(log, settings, options, placement);
  if (!config::quantize_looks_at_images(settings)) {
    Prepared out = assemble(std::move(placement), {}, settings, options, {}, {});
    log.info(fmt::format(
        "quantize: {} layers to {} (activations by each image's own ranges) for {}, {} kept in float",
        std::ranges::count_if(out.graph.nodes,
                              [&](const graph::Node& node) { return graph::rounds_weights(out.graph, node); }),
        counted(options.bits_w, "bit"), to_string(options.target), out.float_layers.size()));
    return out;
  }
  const data::Subset subset = subset_of(*data.train, settings);
  CalibrateOptions calibration;
  calibration.observer = settings["observer"].get<std::string>();
  calibration.percentile = settings["percentile"].get<double>();
  calibration.symmetric = options.symmetric;
  calibration.power_of_two = weight_rule(settings).power_of_two;
  calibration.shards = shards;
  if (weight_rule(settings).scales == "output_mse") calibration.mean_squares_of = inputs_of(placement);
  const Calibration found = calibrate(placement, data.train, subset.indices, calibration, log, cancel);

  const Ranges ranges = ranges_of(placement, found.params, options.target);
  const size_t layers = placement.weights.size();
  Prepared out =
      assemble(std::move(placement), ranges, settings, options, {found.images, subset.sha256}, found.mean_squares);
  log.info(fmt::format(
      "quantize: {} layers to {} (activations {}){} for {}, {} kept in float, calibrated ({}) on {} "
      "images in {:.1f} s",
      layers, counted(options.bits_w, "bit"), options.bits_a,
      options.layer_bits.empty() ? "" : fmt::format(" but {}", fmt::join(options.layer_bits, ", ")),
      to_string(options.target), out.float_layers.size(), calibration.observer, found.images, seconds_since(start_ns)));
  return out;
}

Prepared prepared_with(const graph::Graph& float_graph, const std::vector<graph::QuantParams>& params,
                       const Json& config, int64_t images, const std::string& calibration_sha256) {
  const Json settings = settings_from(config);
  const PlacementOptions options = placement_options(settings);
  Placement placement = place(float_graph, options);
  const Ranges ranges = ranges_of(placement, params, options.target);
  return assemble(std::move(placement), ranges, settings, options, {images, calibration_sha256}, {});
}

graph::Graph requantized(const Prepared& prepared, const graph::Graph& float_graph, const Json& config) {
  const Json settings = settings_from(config);
  const PlacementOptions options = placement_options(settings);
  Placement placement = place(float_graph, options);
  Ranges ranges;
  for (const auto& group : placement.groups) {
    for (const graph::EdgeId edge : group) {
      const auto& range = prepared.graph.edge(edge).quant;
      if (!range) {
        fail(ErrorKind::config,
             "[quant.prepare] expected settings that quantize no more than before, got others (edge {})",
             prepared.graph.edge(edge).name);
      }
      ranges[edge] = *range;
    }
  }
  const Looked looked{std::stoll(prepared.graph.metadata.at("calibration_images")), prepared.calibration_sha256};
  return assemble(std::move(placement), ranges, settings, options, looked, prepared.mean_squares).graph;
}

}  // namespace quench::quant
