// Causes of a lost score. What a cause carries was measured: the share of the error that goes away in a trial of the
// whole model without it.
#include <fmt/ranges.h>

#include <algorithm>

#include "core/text.h"
#include "why/quantize_call.h"
#include "why/rules.h"

namespace quench::why {
namespace {

/// Errors below this (60 dB) are no cause of anything.
constexpr double kNoError = 1e-6;
/// A remedy that leaves the cause where it is ranks behind one that removes a cause of the same size: a layer in float
/// costs time, and AdaRound and fine-tuning, which help whatever the cause, take long.
constexpr double kCostsTime = 0.75, kGeneral = 0.5;
/// Shares of values beyond either end from which on clamping is what is wrong with a range.
constexpr double kClamped = 0.01;

/// Share of the error that a trial takes away; 0 where it was not made or makes it worse.
double taken_away(const Findings& findings, Trial trial) {
  const auto found = findings.trials.find(trial);
  if (!findings.all || findings.all->error < kNoError || found == findings.trials.end()) return 0;
  return std::max(0.0, 1 - found->second.error / findings.all->error);
}

/// "from 0.0123 to 0.004, by 67 %".
std::string fall(const Findings& findings, Trial trial) {
  return fmt::format("from {:.3g} to {:.3g}, by {:.0f} %", findings.all->error, findings.trials.at(trial).error,
                     100 * taken_away(findings, trial));
}

std::string text_of(const Findings& findings, const char* key, const char* otherwise) {
  const auto found = findings.metadata.find(key);
  return found == findings.metadata.end() || found->second.empty() ? otherwise : found->second;
}

/// The layer that reads the most clamped values, and their share.
std::pair<std::string, double> most_clamped(const Findings& findings) {
  std::pair<std::string, double> most{"", 0};
  for (const LayerFinding& layer : findings.layers) {
    if (!layer.reading) continue;
    const double share = layer.reading->clamped_low + layer.reading->clamped_high;
    if (share > most.second) most = {layer.layer, share};
  }
  return most;
}

std::optional<Advice> head_is_quantized(const Findings& findings) {
  const double weight = taken_away(findings, Trial::head_in_float);
  std::vector<std::string> head, others;  // those that --quantize-head does not speak of
  for (const LayerFinding& layer : findings.layers) {
    if (!layer.head || !layer.part) continue;
    head.push_back(layer.layer);
    if (!layer.convolution) others.push_back(layer.layer);
  }
  if (head.empty()) return std::nullopt;
  return Advice{
      "head_is_quantized", weight,
      fmt::format("The head is quantized: with {} ({}) in float the error of the outputs falls {}.",
                  counted(std::ssize(head), "layer"), fmt::join(head, ", "), fall(findings, Trial::head_in_float)),
      QuantizeCall(findings).without("quantize-head").in_float(others).text()};
}

std::optional<Advice> weights_share_a_scale(const Findings& findings) {
  const double weight = taken_away(findings, Trial::weights_per_channel);
  if (weight == 0) return std::nullopt;
  const auto layers = std::ranges::count_if(findings.layers, &LayerFinding::one_weight_scale);
  return Advice{"weights_share_a_scale", weight,
                fmt::format("All weights of a layer share one scale in {}: with a scale for each channel the error of "
                            "the outputs falls {}.",
                            counted(layers, "layer"), fall(findings, Trial::weights_per_channel)),
                QuantizeCall(findings).with("weights", "per_channel").text()};
}

std::optional<Advice> ranges_are_too_narrow(const Findings& findings) {
  const auto [layer, share] = most_clamped(findings);
  const double weight = taken_away(findings, Trial::least_squares_ranges);
  if (weight == 0 || share < kClamped) return std::nullopt;
  return Advice{"ranges_are_too_narrow", weight,
                fmt::format("Values lie beyond the ranges that were found on {} calibration images ({:.1f} % of what "
                            "{} reads): with ranges of these {} images the error of the outputs falls {}.",
                            text_of(findings, "calibration_images", "the"), 100 * share, layer, findings.images,
                            fall(findings, Trial::least_squares_ranges)),
                QuantizeCall(findings).with("observer", "mse").without("calibration-images").text()};
}

std::optional<Advice> ranges_follow_outliers(const Findings& findings) {
  const double weight = taken_away(findings, Trial::least_squares_ranges);
  if (weight == 0 || most_clamped(findings).second >= kClamped) return std::nullopt;
  if (text_of(findings, "observer", "") == std::string("mse"))
    return std::nullopt;  // it is what the command would give
  const LayerFinding* least = nullptr;
  for (const LayerFinding& layer : findings.layers) {
    if (layer.reading && (!least || layer.reading->range_use < least->reading->range_use)) least = &layer;
  }
  if (!least) return std::nullopt;
  return Advice{"ranges_follow_outliers", weight,
                fmt::format("The ranges of activations ({}) follow few large values (what {} reads has 99.9 % of its "
                            "values on {:.0f} % of the integers): with ranges of least squared error the error of the "
                            "outputs falls {}.",
                            text_of(findings, "observer", "observer not told"), least->layer,
                            100 * least->reading->range_use, fall(findings, Trial::least_squares_ranges)),
                QuantizeCall(findings).with("observer", "mse").text()};
}

std::optional<Advice> activations_have_few_bits(const Findings& findings) {
  const double weight = taken_away(findings, Trial::activations_8_bits);
  if (weight == 0) return std::nullopt;
  return Advice{"activations_have_few_bits", weight,
                fmt::format("Activations have {} bits: with 8 bits the error of the outputs falls "
                            "{}.",
                            text_of(findings, "bits_a", "fewer than 8"), fall(findings, Trial::activations_8_bits)),
                QuantizeCall(findings).without("bits-a").text()};
}

std::optional<Advice> rounded_before_silu(const Findings& findings) {
  const double weight = taken_away(findings, Trial::rounded_once);
  if (weight == 0) return std::nullopt;
  QuantizeCall call(findings);  // the metadata do not tell of silu_tables, so that the call is without
  return Advice{"rounded_before_silu", weight,
                fmt::format("Values are rounded before their SiLU and again behind it: rounded behind it alone the "
                            "error of the outputs falls {}.",
                            fall(findings, Trial::rounded_once)),
                call.without("target").without("requantization").text()};
}

std::optional<Advice> one_layer_carries_it(const Findings& findings) {
  const LayerFinding* most = nullptr;
  for (const LayerFinding& layer : findings.layers) {
    if (!layer.part || layer.head) continue;
    if (!most || layer.part->share > most->part->share) most = &layer;
  }
  if (!most || !findings.all || findings.all->error < kNoError) return std::nullopt;
  return Advice{"one_layer_carries_it", kCostsTime * most->part->share,
                fmt::format("One layer, {}, carries much of the error of the outputs: with it alone in float the error "
                            "falls from {:.3g} to {:.3g}, by {:.0f} %.",
                            most->layer, findings.all->error, most->part->without.error, 100 * most->part->share),
                QuantizeCall(findings).in_float({most->layer}).text()};
}

std::optional<Advice> weights_dominate(const Findings& findings) {
  const double weight = taken_away(findings, Trial::weights_in_float);
  if (weight < kGeneral) return std::nullopt;
  return Advice{"weights_dominate", kGeneral * weight,
                fmt::format("Rounded weights ({} bits) dominate: with weights in float the error of the outputs falls "
                            "{}. AdaRound chooses anew which way each of them is rounded.",
                            text_of(findings, "bits_w", "8"), fall(findings, Trial::weights_in_float)),
                fmt::format("quench adaround {} --reference {} --data {} -o mended.onnx", shell_word(findings.model),
                            float_model(findings), data_of(findings))};
}

std::optional<Advice> activations_dominate(const Findings& findings) {
  // Of a model without its float one the rounding of weights cannot be seen: activations are all that there is.
  if (!findings.trials.contains(Trial::weights_in_float)) return std::nullopt;
  const double weight = taken_away(findings, Trial::activations_in_float);
  if (weight < kGeneral) return std::nullopt;
  return Advice{"activations_dominate", kGeneral * weight,
                fmt::format("Rounded activations dominate: without their rounding the error of the outputs falls {}. "
                            "Fine-tuning with simulated quantization lets the weights make up for it.",
                            fall(findings, Trial::activations_in_float)),
                QuantizeCall(findings).with("method", "qat").text()};
}

constexpr Rule kAccuracyRules[] = {head_is_quantized,      weights_share_a_scale,     ranges_are_too_narrow,
                                   ranges_follow_outliers, activations_have_few_bits, rounded_before_silu,
                                   one_layer_carries_it,   weights_dominate,          activations_dominate};

}  // namespace

std::span<const Rule> accuracy_rules() { return kAccuracyRules; }

}  // namespace quench::why
