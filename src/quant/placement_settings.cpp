#include "quant/placement_settings.h"

#include <algorithm>

#include "config/activation_scales.h"
#include "config/requantization.h"

namespace quench::quant {

PlacementOptions placement_options(const Json& settings) {
  PlacementOptions options;
  options.target = target_from(settings["target"].get<std::string>());
  options.symmetric = settings["activations"] == "symmetric" || options.target == Target::tensorrt;
  options.dynamic = config::has_dynamic_activations(settings);
  options.bits_w = std::min(settings["bits_w"].get<int>(), most_weight_bits(options.target));
  options.bits_a = settings["bits_a"].get<int>();
  for (const Json& entry : settings["layer_bits"]) options.layer_bits.push_back(entry.get<std::string>());
  options.quantize_head = settings["quantize_head"];
  // Integers alone between bytes: no SiLU of floats.
  options.silu_tables = settings["silu_tables"] || config::has_dyadic_requantization(settings);
  for (const Json& name : settings["float_layers"]) options.float_layers.push_back(name.get<std::string>());
  return options;
}

WeightRule weight_rule(const Json& settings) {
  return {settings["weights"] == "per_channel" ? 0 : -1, settings.value("weight_scales", std::string("max_abs")),
          settings.value("levels", std::string("uniform")),
          settings.value("scales", std::string("float")) == "power_of_two", settings.value("group_size", int64_t{0})};
}

}  // namespace quench::quant
