#include "bits/assign.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

#include "bits/choose.h"
#include "bits/layer_changes.h"
#include "bits/layer_costs.h"
#include "config/tables.h"
#include "core/error.h"
#include "core/text.h"
#include "graph/image_side.h"
#include "graph/quantized.h"
#include "nn/graph_module.h"
#include "prune/target.h"
#include "quant/float_twin.h"
#include "quant/image_batches.h"
#include "quant/placement_settings.h"
#include "train/loop/evaluation.h"

namespace quench::bits {
namespace {

std::string width_text(int bits) { return bits == 0 ? "float" : std::to_string(bits); }

/// "26 layers at 8 bits, 4 at 4 bits, 1 in float".
std::string counts_text(const std::vector<LayerWidths>& layers, const Assignment& assignment) {
  std::map<int, int64_t, std::greater<>> counts;
  for (size_t i = 0; i < layers.size(); ++i) ++counts[layers[i].widths[assignment.chosen[i]].bits];
  std::string out;
  for (const auto& [bits, count] : counts) {
    out +=
        fmt::format("{}{} {}", out.empty() ? "" : ", ", out.empty() ? counted(count, "layer") : std::to_string(count),
                    bits == 0 ? "in float" : fmt::format("at {} bits", bits));
  }
  return out;
}

class Assigner {
 public:
  Assigner(const graph::ModelFile& model, const data::Splits& data, const Json& settings, const Sensitivity& table,
           const prune::LatencyOf& latency, const LogSink& log, const CancelToken& cancel,
           const quant::Prepared* prepared)
      : model_(model),
        data_(data),
        settings_(settings),
        table_(table),
        latency_(latency),
        log_(log),
        cancel_(cancel),
        given_(prepared),
        goal_(config::assign_bits_goal(settings, "assign_bits")) {
    const config::OptionSet& known = config::quantize_options();
    quantization_ = known.checked(known.part_of(settings), "assign_bits");
    quantization_["quantize_head"] = true;
  }

  graph::Graph run() {
    require_table();
    prepared_ = given_ ? *given_ : quant::prepare(model_.graph, data_, quantization_, log_, cancel_);
    twin_ = quant::float_twin(prepared_.graph, model_.graph);
    find_layers();
    choose_images();
    list_ = pareto(layers_, settings_.at("points").get<int>());
    scores_.resize(list_.size());
    score_name_ = float_score().name;
    const Assignment chosen = goal_ == "max_loss" ? cheapest_that_keeps() : within_budget();
    graph::Graph made = quantized(chosen);
    const double score = score_of(made);
    log_.info(
        fmt::format("assign_bits: {}; {:.6g} {} ({:.3g} of the float model's), {} {:.2f} % on {} (float: {:.2f} %)",
                    counts_text(layers_, chosen), chosen.cost + rest_, unit_, (chosen.cost + rest_) / full_,
                    score_name_, 100 * score, counted(static_cast<int64_t>(subset_.indices.size()), "training image"),
                    100 * float_score().value));
    made.metadata["assign_bits"] = told(chosen, score).dump();
    return made;
  }

 private:
  void require_table() const {
    if (table_.model_sha256 != model_.sha256) {
      fail(ErrorKind::config, "assign_bits: expected a sensitivity table of this model (sha256 {}), got one of {} ({})",
           model_.sha256.substr(0, 16), table_.model, table_.model_sha256.substr(0, 16));
    }
    for (const char* name : {"target", "weights", "weight_scales", "activations", "bits_a", "silu_tables"}) {
      const Json measured = table_.settings.value(name, Json()), own = quantization_.value(name, Json());
      if (told_setting(name, measured) == told_setting(name, own)) continue;
      log_.warning(fmt::format("assign_bits: the table was measured with {}, this quantizes with {}",
                               told_setting(name, measured), told_setting(name, own)));
    }
  }
  static std::string told_setting(const std::string& name, const Json& value) {
    const Json effective = value.is_null() && name == "weight_scales" ? Json("max_abs") : value;
    return fmt::format("'{}: {}'", name, effective.is_string() ? effective.get<std::string>() : effective.dump());
  }

  LayerSource source() const {
    return {model_.graph, twin_, prepared_, quant::placement_options(quantization_), quant::weight_rule(quantization_)};
  }

  double harm_at(const LayerSensitivity& row, int bits) const {
    const auto found = row.widths.find(bits);
    if (found == row.widths.end()) {
      fail(ErrorKind::config, "assign_bits: expected a table with {} bits, got one without (layer {})", bits,
           row.layer);
    }
    const std::string by = settings_.at("by");
    if (by == "error") return found->second.alone.error;
    if (by == "loss") return std::max(0.0, found->second.alone.loss);
    if (!found->second.forecast) {
      fail(ErrorKind::config, "assign_bits: expected a table with forecasts by the Hessian, got one without (layer {})",
           row.layer);
    }
    return std::max(0.0, *found->second.forecast);
  }

  void find_layers() {
    std::vector<int> widths;
    for (const Json& text : settings_.at("widths")) {
      widths.push_back(text == "float" ? 0 : std::stoi(text.get<std::string>()));
    }
    std::vector<std::string> names;
    std::vector<const LayerSensitivity*> rows;
    for (const LayerSensitivity& row : table_.layers) {
      const auto found = std::ranges::find(prepared_.graph.nodes, row.layer, &graph::Node::name);
      if (found == prepared_.graph.nodes.end() || !graph::rounds_weights(prepared_.graph, *found)) {
        continue;  // named in float_layers
      }
      rows.push_back(&row);
      nodes_.push_back(static_cast<size_t>(found - prepared_.graph.nodes.begin()));
      names.push_back(row.layer);
      layers_.push_back({row.layer, {}});
    }
    if (layers_.empty()) fail(ErrorKind::config, "assign_bits: expected layers that are quantized, got none");
    const LayerCosts costs = costs_of(names, widths);
    rest_ = costs.rest;
    unit_ = costs.unit;
    for (size_t i = 0; i < layers_.size(); ++i) {
      for (size_t c = 0; c < widths.size(); ++c) {
        layers_[i].widths.push_back(
            {widths[c], costs.layers[i][c], widths[c] == 0 ? 0.0 : harm_at(*rows[i], widths[c])});
      }
      // Noise aside, fewer bits are no better: the running maximum from the widest on.
      std::ranges::sort(layers_[i].widths, std::greater<>(),
                        [](const Width& width) { return width.bits == 0 ? 32 : width.bits; });
      double worst = 0;
      for (Width& width : layers_[i].widths) width.harm = worst = std::max(worst, width.harm);
    }
  }

  /// Of the goal: at each width, and in `full_` of the float model.
  LayerCosts costs_of(const std::vector<std::string>& names, const std::vector<int>& widths) {
    const std::string kind = goal_ == "max_loss" ? settings_.at("minimize").get<std::string>() : goal_.substr(7);
    const auto sum = [&](const LayerCosts& costs) {
      double all = costs.rest;
      for (const auto& layer : costs.layers) all += layer.front();
      return all;
    };
    if (kind != "latency") {
      const CostKind counted = kind == "bytes" ? CostKind::bytes : CostKind::bops;
      full_ = sum(counted_costs(source(), nodes_, {0}, counted));
      return counted_costs(source(), nodes_, widths, counted);
    }
    if (!latency_) fail(ErrorKind::unsupported, "assign_bits: latencies of layers cannot be told here");
    Json asked = settings_;
    asked["latency_precision"] = "fp32";
    const prune::Latency floats = latency_(model_.graph, asked);
    asked["latency_precision"] = "int8";
    const prune::Latency integers = latency_(model_.graph, asked);
    latency_told_ = integers.told;
    full_ = sum(latency_costs(names, {0}, floats, floats));
    return latency_costs(names, widths, floats, integers);
  }

  double budget() const {
    const std::string text = settings_.at(goal_);
    return goal_ == "target_latency" ? prune::latency_target_of(text, full_, "assign_bits: target_latency")
                                     : prune::target_of(text, full_, "assign_bits: " + goal_);
  }

  Assignment within_budget() const {
    const double most = budget(), least = least_cost(layers_) + rest_;
    if (least > most * (1 + 1e-6)) {
      fail(ErrorKind::config,
           "assign_bits: no assignment meets '{}' {}: the least is {:.6g} {}, {:.3g}x of the float model", goal_,
           settings_.at(goal_).get<std::string>(), least, unit_, least / full_);
    }
    return least_harm(layers_, most - rest_);
  }

  void choose_images() {
    const int64_t images = quant::images_to_keep(settings_.at("images").get<int64_t>(), graph::image_side(twin_), 512);
    subset_ = data::calibration_subset(*data_.train, images, settings_.at("calibration_seed").get<uint64_t>());
  }

  /// On the chosen training images, with quantization simulated: test images are not looked at.
  score::Scores scores_on(const graph::Graph& graph) const {
    nn::GraphModule module(graph);
    const int side = graph::image_side(graph);
    return train::evaluate(module, graph, *data_.train,
                           {.imgsz = side, .batch = quant::images_a_pass(side), .subset = subset_.indices}, &cancel_);
  }

  score::Score float_score() {
    if (!float_score_) {
      const score::Scores scores = scores_on(twin_);
      if (scores.empty()) fail(ErrorKind::data, "assign_bits: expected a score on the training images, got none");
      float_score_ = scores.front();
    }
    return *float_score_;
  }
  double score_of(const graph::Graph& graph) { return score::score_of(scores_on(graph), float_score().name); }

  /// The float layers and the widths of an assignment, as settings of `quantize`.
  Json quantization_of(const Assignment& assignment) const {
    Json settings = quantization_;
    for (size_t i = 0; i < layers_.size(); ++i) {
      const int bits = layers_[i].widths[assignment.chosen[i]].bits;
      if (bits == 0) settings["float_layers"].push_back(layers_[i].layer);
      if (bits != 0 && bits != 8) settings["layer_bits"].push_back(fmt::format("{}=w{}", layers_[i].layer, bits));
    }
    return settings;
  }

  /// The model of an assignment with the ranges of the one calibration.
  graph::Graph quantized(const Assignment& assignment) const {
    if (all_float(assignment)) {
      fail(ErrorKind::config, "assign_bits: the answer is to leave all layers in float: allow more loss");
    }
    return quant::requantized(prepared_, model_.graph, quantization_of(assignment));
  }
  bool all_float(const Assignment& assignment) const {
    for (size_t i = 0; i < layers_.size(); ++i) {
      if (layers_[i].widths[assignment.chosen[i]].bits != 0) return false;
    }
    return true;
  }

  double listed_score(size_t index) {
    if (!scores_[index]) {
      scores_[index] = all_float(list_[index]) ? float_score().value : score_of(quantized(list_[index]));
      log_.info(fmt::format("assign_bits: {} of {}: {:.6g} {}, {}: {} {:.2f} %", index + 1, list_.size(),
                            list_[index].cost + rest_, unit_, counts_text(layers_, list_[index]), score_name_,
                            100 * *scores_[index]));
    }
    return *scores_[index];
  }

  /// By bisection over the list, whose scores rise with the cost but for noise.
  Assignment cheapest_that_keeps() {
    const double wanted = float_score().value * (1 - settings_.at("max_loss").get<double>());
    size_t low = 0, high = list_.size() - 1;
    if (listed_score(high) < wanted) {
      fail(ErrorKind::config,
           "assign_bits: no assignment keeps {} at {:.2f} %: the dearest has {:.2f} % (float {:.2f} %)", score_name_,
           100 * wanted, 100 * listed_score(high), 100 * float_score().value);
    }
    while (low < high) {
      const size_t middle = (low + high) / 2;
      if (listed_score(middle) >= wanted) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return list_[high];
  }

  Json told(const Assignment& chosen, double score) {
    Json list = Json::array();
    for (size_t i = 0; i < list_.size(); ++i) {
      std::map<std::string, int> counts;
      for (size_t l = 0; l < layers_.size(); ++l) ++counts[width_text(layers_[l].widths[list_[i].chosen[l]].bits)];
      Json entry{{"cost", list_[i].cost + rest_}, {"harm", list_[i].harm}, {"layers", counts}};
      if (scores_[i]) entry["score"] = *scores_[i];
      list.push_back(entry);
    }
    Json out{{"goal", goal_},
             {goal_, settings_.at(goal_)},
             {"cost", chosen.cost + rest_},
             {"cost_in_float", full_},
             {"unit", unit_},
             {"by", settings_.at("by")},
             {"harm", chosen.harm},
             {"score_name", score_name_},
             {"score", score},
             {"score_in_float", float_score().value},
             {"images", subset_.indices.size()},
             {"images_sha256", subset_.sha256},
             {"pareto", list}};
    if (!latency_told_.is_null()) out["latency"] = latency_told_;
    return out;
  }

  const graph::ModelFile& model_;
  const data::Splits& data_;
  const Json& settings_;
  const Sensitivity& table_;
  const prune::LatencyOf& latency_;
  const LogSink& log_;
  const CancelToken& cancel_;
  const quant::Prepared* given_;
  std::string goal_;
  Json quantization_;
  quant::Prepared prepared_;
  graph::Graph twin_;
  std::vector<size_t> nodes_;  ///< of layers_
  std::vector<LayerWidths> layers_;
  double rest_ = 0, full_ = 0;
  std::string unit_, score_name_;
  Json latency_told_;
  data::Subset subset_;
  std::optional<score::Score> float_score_;
  std::vector<Assignment> list_;
  std::vector<std::optional<double>> scores_;  ///< of list_
};

}  // namespace

graph::Graph assign_bits(const graph::ModelFile& model, const data::Splits& data, const Json& settings,
                         const Sensitivity& table, const prune::LatencyOf& latency, const LogSink& log,
                         const CancelToken& cancel, const quant::Prepared* prepared) {
  return Assigner(model, data, settings, table, latency, log, cancel, prepared).run();
}

}  // namespace quench::bits
