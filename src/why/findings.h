#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "bits/sensitivity.h"
#include "core/json.h"
#include "quant/layer_errors.h"
#include "why/times.h"

namespace quench::why {

/// How a layer's input lies on its integers: of the values that the float model has there.
struct Reading {
  double clamped_low = 0, clamped_high = 0;  ///< shares of values that lie beyond the least and the last integer
  double range_use = 0;                      ///< share of the integers that the central 99.9 % of the values take
  bool operator==(const Reading&) const = default;
};

/// What a change of one layer does to the outputs of the model, against the reference.
struct Part {
  bits::Effect alone;    ///< this layer's weights and what it reads are rounded, all else is float
  bits::Effect without;  ///< the quantized model with this layer alone in float
  double share = 0;      ///< of the model's error: what goes away without it; below 0 where errors cancelled
};

/// What is known of one layer (convolution or linear) of the quantized model.
struct LayerFinding {
  std::string layer;
  int64_t params = 0, macs = 0;   ///< of one image
  int bits_w = 0, bits_a = 0;     ///< of its weights and of what it reads; 0: float
  bool one_weight_scale = false;  ///< one for the tensor, not one a channel
  bool head = false;              ///< makes an output of the model, with the activation behind it
  bool convolution = false;
  bool integer = false;
  std::string reason;       ///< why it runs in float; empty for a layer in integers
  int roundings = 0;        ///< of its result, its activation's included, until another node reads it
  int conversions = 0;      ///< between float and integers, of what it reads and of what it gives
  int requantizations = 0;  ///< of its result to another scale, by nodes that only move values
  std::optional<LayerTime> time;
  std::optional<Reading> reading;  ///< where what it reads is quantized
  std::optional<quant::LayerError> noise;
  std::optional<Part> part;  ///< of layers in integers
};

/// A change of the whole quantized model, tried on the same images.
enum class Trial {
  head_in_float,         ///< layers that make outputs
  weights_in_float,      ///< all of them
  activations_in_float,  ///< nothing but weights is rounded
  activations_8_bits,    ///< 8 bits of activations, ranges by the observer that the model had
  least_squares_ranges,  ///< chosen again by the mse observer on the images at hand
  weights_per_channel,   ///< one scale a channel, by the largest weight
  rounded_once,          ///< nothing is rounded between a layer's sums and the SiLU behind them
};
/// "head_in_float".
const char* to_string(Trial trial);

/// A cause in a plain sentence, and what mends it.
struct Advice {
  std::string rule;   ///< name of the rule that says it
  double weight = 0;  ///< share of the error or of the time that the cause carries, less where mending it is dear
                      ///< (rules_accuracy.cpp); 0: a fact to know
  std::string sentence;
  std::string command;  ///< empty: nothing is to be done
};

/// Where the time and the error of a quantized model come from.
struct Findings {
  std::string model, model_sha256;
  std::string against;  ///< path of the float model; empty: not given
  std::string data, images_sha256;
  int64_t images = 0;
  std::map<std::string, std::string> metadata;  ///< of the quantized model: observer, target, bits_w, ...
  std::vector<LayerFinding> layers;
  std::optional<ModelTime> time;
  std::string no_time;              ///< why there are no times
  double loss = 0;                  ///< of the reference
  std::optional<bits::Effect> all;  ///< of the whole quantized model; where there was data
  std::map<Trial, bits::Effect> trials;
  double parted_db = 0;              ///< the threshold
  std::optional<size_t> parts_at;    ///< the first layer whose accumulated signal-to-noise is below it
  std::vector<std::string> unknown;  ///< what cannot be known from what was given
  std::vector<Advice> advice;        ///< ranked
};

Json to_json(const Findings& findings);

}  // namespace quench::why
