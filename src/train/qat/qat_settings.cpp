#include "train/qat/qat_settings.h"

#include <algorithm>

#include "config/tables.h"
#include "core/error.h"
#include "graph/quantized.h"

namespace quench::train {
namespace {

/// Whether scales of weights learn although nobody says so: they did before, or weights have few bits and nothing else
/// chose their scales.
bool learn_untold(const Json& values, const graph::Graph& graph) {
  if (!config::learns_narrow_weights(values)) return false;
  if (graph::has_learned_weight_scales(graph)) return true;
  return !graph::has_fixed_weight_scales(graph) && std::ranges::any_of(graph.weights, [](const auto& entry) {
    const graph::Weight& weight = entry.second;
    return weight.quant && weight.value.dtype() == DType::f32 && weight.quant->bits < config::kNarrowBits;
  });
}

bool has_levels(const graph::Graph& graph) {
  return std::ranges::any_of(
      graph.weights, [](const auto& entry) { return entry.second.quant && !entry.second.quant->levels.empty(); });
}

/// Scales that are powers of two stay: no training here learns some.
void require_kept_powers(const Json& values, const graph::Graph& graph) {
  const auto found = graph.metadata.find("scales");
  if (found == graph.metadata.end() || found->second != "power_of_two") return;
  const bool frozen =
      values.at("ranges") == "frozen" && values.value("weight_ranges", std::string("frozen")) == "frozen";
  if (frozen && values.value("learn", std::string("all")) == "all") return;
  fail(ErrorKind::config,
       "[train.config] expected 'ranges: frozen' for a model with 'scales: power_of_two', and neither other "
       "'weight_ranges' nor 'learn: correction': scales that train are powers of two no more");
}

nn::WeightRanges weight_ranges_of(const std::string& name) {
  if (name == "learned") return nn::WeightRanges::learned;
  return name == "frozen" ? nn::WeightRanges::frozen : nn::WeightRanges::follow;
}

nn::ActivationQuantizer activations_of(const std::string& name) {
  if (name == "pact") return nn::ActivationQuantizer::pact;
  return name == "lsq_plus" ? nn::ActivationQuantizer::lsq_plus : nn::ActivationQuantizer::lsq;
}

}  // namespace

QatSettings qat_settings(Json& values, const graph::Graph& graph) {
  config::require_quantizers(values, "train.config");
  const Json given = config::quantizer_options().part_of(values);
  if (!given.empty() && !graph::is_quantized(graph)) {
    fail(ErrorKind::config, "[train.config] expected a quantized model for '{}', got a float one: quantize comes first",
         given.begin().key());
  }
  for (const char* setting : {"damping", "freeze_threshold"}) {
    if (!given.contains(setting) || given[setting] == 0 || !has_levels(graph)) continue;
    fail(ErrorKind::config,
         "[train.config] expected uniform levels of weights for '{}', got others: they have no "
         "steps of one size between which weights could oscillate",
         setting);
  }
  require_kept_powers(values, graph);
  if (learn_untold(values, graph)) values["weight_ranges"] = "learned";
  QatSettings s;
  nn::QatOptions& q = s.quantizers;
  q.correction = values.value("learn", std::string("all")) == "correction";
  q.learn_activations = values.at("ranges") == "learned" && !q.correction;
  q.activations = activations_of(values.value("activation_quantizer", std::string("lsq")));
  if (values.contains("weight_ranges")) q.weight_ranges = weight_ranges_of(values["weight_ranges"]);
  if (values.value("weight_quantizer", std::string("uniform")) == "dorefa") q.weights = nn::WeightQuantizer::dorefa;
  if (values.value("estimator", std::string("ste")) == "ewgs") q.ewgs_delta = values.value("ewgs_delta", 0.2);
  q.stochastic_rounding = values.value("stochastic_rounding", false);
  q.seed = values.at("seed").get<uint64_t>();
  s.pact_decay = q.activations == nn::ActivationQuantizer::pact
                     ? values.value("pact_decay", values.at("weight_decay").get<double>())
                     : 0;
  s.damping = values.value("damping", 0.0);
  s.damping_cosine = values.value("damping_schedule", std::string("cosine")) == "cosine";
  s.freeze_threshold = values.value("freeze_threshold", 0.0);
  s.freeze_momentum = values.value("freeze_momentum", s.freeze_momentum);
  return s;
}

}  // namespace quench::train
