#include "why/findings.h"

#include <cmath>

#include "core/error.h"

namespace quench::why {
namespace {

/// null where it is not finite: JSON has no infinity.
Json number(double value) { return std::isfinite(value) ? Json(value) : Json(); }

Json effect_json(const bits::Effect& effect) {
  return {{"error", effect.error}, {"loss", effect.loss}, {"loss_error", effect.loss_error}};
}

Json layer_json(const LayerFinding& layer) {
  Json out{
      {"layer", layer.layer},         {"params", layer.params},           {"macs", layer.macs},
      {"bits_w", layer.bits_w},       {"bits_a", layer.bits_a},           {"one_weight_scale", layer.one_weight_scale},
      {"head", layer.head},           {"integer", layer.integer},         {"reason", layer.reason},
      {"roundings", layer.roundings}, {"conversions", layer.conversions}, {"requantizations", layer.requantizations}};
  if (layer.time) {
    out["time_ns"] = layer.time->quantized_ns;
    out["float_time_ns"] = layer.time->float_ns;
    out["conversions_time_ns"] = layer.time->conversions_ns;
  }
  if (layer.reading) {
    out["clamped_low"] = layer.reading->clamped_low;
    out["clamped_high"] = layer.reading->clamped_high;
    out["range_use"] = layer.reading->range_use;
  }
  if (layer.noise) {
    out["sqnr_db"] = number(layer.noise->sqnr_db);
    out["own_db"] = number(layer.noise->own_db);
    out["weights_db"] = number(layer.noise->weights_db);
    out["activations_db"] = number(layer.noise->activations_db);
    out["bias_share"] = layer.noise->bias_share;
  }
  if (layer.part) {
    out["alone"] = effect_json(layer.part->alone);
    out["without"] = effect_json(layer.part->without);
    out["share"] = layer.part->share;
  }
  return out;
}

Json time_json(const ModelTime& time) {
  return {{"quantized_ns", time.quantized_ns},
          {"float_ns", time.float_ns},
          {"layers_ns", time.layers_ns},
          {"float_layers_ns", time.float_layers_ns},
          {"conversions_ns", time.conversions_ns},
          {"requantizations_ns", time.requantizations_ns},
          {"reorders_ns", time.reorders_ns},
          {"isa", time.isa},
          {"runs", time.runs},
          {"stand_in", time.stand_in}};
}

}  // namespace

const char* to_string(Trial trial) {
  switch (trial) {
    case Trial::head_in_float: return "head_in_float";
    case Trial::weights_in_float: return "weights_in_float";
    case Trial::activations_in_float: return "activations_in_float";
    case Trial::activations_8_bits: return "activations_8_bits";
    case Trial::least_squares_ranges: return "least_squares_ranges";
    case Trial::weights_per_channel: return "weights_per_channel";
    case Trial::rounded_once: return "rounded_once";
  }
  fail(ErrorKind::internal, "[why.findings] no such trial");
}

Json to_json(const Findings& findings) {
  Json out{{"form", "quench why 1"},
           {"model", findings.model},
           {"model_sha256", findings.model_sha256},
           {"against", findings.against},
           {"data", findings.data},
           {"images", findings.images},
           {"images_sha256", findings.images_sha256},
           {"parted_db", findings.parted_db}};
  for (const char* key : {"observer", "target", "weights", "bits_w", "bits_a", "calibration_images"}) {
    if (const auto found = findings.metadata.find(key); found != findings.metadata.end()) out[key] = found->second;
  }
  out["time"] = findings.time ? time_json(*findings.time) : Json();
  if (!findings.no_time.empty()) out["no_time"] = findings.no_time;
  if (findings.all) {
    out["loss"] = findings.loss;
    out["all"] = effect_json(*findings.all);
    out["trials"] = Json::object();
    for (const auto& [trial, effect] : findings.trials) out["trials"][to_string(trial)] = effect_json(effect);
    out["parts_at"] = findings.parts_at ? Json(findings.layers.at(*findings.parts_at).layer) : Json();
  }
  out["layers"] = Json::array();
  for (const LayerFinding& layer : findings.layers) out["layers"].push_back(layer_json(layer));
  out["unknown"] = findings.unknown;
  out["advice"] = Json::array();
  for (const Advice& advice : findings.advice) {
    out["advice"].push_back(
        {{"rule", advice.rule}, {"weight", advice.weight}, {"sentence", advice.sentence}, {"command", advice.command}});
  }
  return out;
}

}  // namespace quench::why
