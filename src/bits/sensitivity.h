#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"

namespace quench::bits {

/// What a change of a model does to it, measured on the same images with and without.
struct Effect {
  double error = 0;             ///< mean over outputs of sum (y' - y)^2 / sum y^2, y the float model's
  double loss = 0;              ///< the task's loss, less the float model's
  double loss_error = 0;        ///< standard error of that difference over batches of images
  std::optional<double> score;  ///< the task's first score (top-1, mAP), less the float model's; where asked for
  bool operator==(const Effect&) const = default;
};

/// One layer quantized alone at a width: what it reads at the width of activations, its weights at `bits`.
struct AtWidth {
  Effect alone;
  double weight_error = 0;         ///< sum (w' - w)^2
  std::optional<double> forecast;  ///< of Effect::loss, by the trace: trace / (2 n) weight_error (HAWQ-V2, equation 1)
  bool operator==(const AtWidth&) const = default;
};

/// What is known of one layer.
struct LayerSensitivity {
  std::string layer;
  int64_t params = 0, macs = 0;   ///< of one image
  std::map<int, AtWidth> widths;  ///< by bits of its weights
  Effect rest;                    ///< all layers quantized at the table's `rest_bits` but this one, which is in float
  std::optional<double> trace;    ///< of the loss's Hessian by the layer's weights
  bool operator==(const LayerSensitivity&) const = default;
};

/// How much each layer of a model suffers from fewer bits.
struct Sensitivity {
  std::string model, model_sha256, data, images_sha256;
  int64_t images = 0;
  double loss = 0;              ///< of the float model
  std::string score_name;       ///< empty: scores were not asked for
  std::optional<double> score;  ///< of the float model, a fraction
  int rest_bits = 8;
  Effect all;  ///< all layers quantized at rest_bits
  std::vector<LayerSensitivity> layers;
  Json settings;  ///< effective ones of the quantization and of the measurement
  bool operator==(const Sensitivity&) const = default;
};

Json to_json(const Sensitivity& table);
/// Inverse of it. Throws Error{data} naming `where` for another form, and for figures that are not finite.
Sensitivity sensitivity_from(const Json& json, std::string_view where);

}  // namespace quench::bits
