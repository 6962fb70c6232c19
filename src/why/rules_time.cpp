// Causes of lost time. What a cause carries is a share of the quantized model's time.
#include <fmt/ranges.h>

#include <algorithm>

#include "core/text.h"
#include "why/quantize_call.h"
#include "why/rules.h"

namespace quench::why {
namespace {

/// Speed-ups below this do not pay for what integers cost in accuracy.
constexpr double kPays = 1.1;
/// A layer that takes less than this is made of starts and ends, which are the same in integers.
constexpr double kShort_ns = 50e3;

std::string time_text(double time_ns) { return fmt::format("{:.3g} ms", time_ns * 1e-6); }

double speed_up(const Findings& findings) {
  return findings.time->quantized_ns > 0 ? findings.time->float_ns / findings.time->quantized_ns : 0;
}

double mean_layer_ns(const Findings& findings) {
  double sum = 0, count = 0;
  for (const LayerFinding& layer : findings.layers) {
    if (!layer.time) continue;
    sum += layer.time->float_ns;
    ++count;
  }
  return count > 0 ? sum / count : 0;
}

std::string names_text(std::vector<std::string> names) {
  constexpr size_t kShown = 4;
  const size_t more = names.size() > kShown ? names.size() - kShown : 0;
  names.resize(names.size() - more);
  return fmt::format("{}{}", fmt::join(names, ", "), more > 0 ? fmt::format(" and {} more", more) : "");
}

std::optional<Advice> layers_run_in_float(const Findings& findings) {
  if (!findings.time) return std::nullopt;
  std::vector<std::string> names;
  std::string reason;
  bool named = false, head = false;
  double most_ns = -1;
  for (const LayerFinding& layer : findings.layers) {
    if (layer.integer || !layer.time) continue;
    names.push_back(layer.layer);
    (layer.head && layer.convolution ? head : named) = true;
    if (layer.time->quantized_ns > most_ns) {
      most_ns = layer.time->quantized_ns;
      reason = layer.reason;
    }
  }
  if (names.empty()) return std::nullopt;
  const double share = findings.time->float_layers_ns / findings.time->quantized_ns;
  QuantizeCall call(findings);
  if (named) call.none_named();
  if (head && !named) call.with("quantize-head");
  return Advice{"layers_run_in_float", share,
                fmt::format("{} ({}) {} in float and {} {:.0f} % of the time, {} of {}; of the longest of them: {}.",
                            counted(std::ssize(names), "layer"), names_text(names), names.size() == 1 ? "runs" : "run",
                            names.size() == 1 ? "takes" : "take", 100 * share,
                            time_text(findings.time->float_layers_ns), time_text(findings.time->quantized_ns), reason),
                call.text()};
}

std::optional<Advice> values_are_converted(const Findings& findings) {
  if (!findings.time) return std::nullopt;
  const double time_ns = findings.time->conversions_ns + findings.time->requantizations_ns;
  QuantizeCall call(findings);
  return Advice{
      "values_are_converted", time_ns / findings.time->quantized_ns,
      fmt::format("Conversions between float and integers ({}) and from one scale to another ({}) take {:.0f} "
                  "% of the time: layers in float stand between layers in integers, or the quantizers were "
                  "placed for another runtime ({}).",
                  time_text(findings.time->conversions_ns), time_text(findings.time->requantizations_ns),
                  100 * time_ns / findings.time->quantized_ns,
                  findings.metadata.contains("target") ? findings.metadata.at("target") : "not told"),
      call.without("target").none_named().text()};
}

std::optional<Advice> layers_are_slower(const Findings& findings) {
  if (!findings.time || findings.time->stand_in) return std::nullopt;
  double lost_ns = 0;
  std::vector<std::string> names;
  for (const LayerFinding& layer : findings.layers) {
    if (!layer.time || !layer.integer || layer.time->quantized_ns <= layer.time->float_ns) continue;
    lost_ns += layer.time->quantized_ns - layer.time->float_ns;
    names.push_back(layer.layer);
  }
  if (names.empty()) return std::nullopt;
  return Advice{
      "layers_are_slower", lost_ns / findings.time->quantized_ns,
      fmt::format("{} ({}) {} longer in integers than in float, {} together, {:.0f} % of the time.",
                  counted(std::ssize(names), "layer"), names_text(names), names.size() == 1 ? "takes" : "take",
                  time_text(lost_ns), 100 * lost_ns / findings.time->quantized_ns),
      QuantizeCall(findings).in_float(names).text()};
}

std::optional<Advice> model_is_too_small(const Findings& findings) {
  if (!findings.time || speed_up(findings) >= kPays || mean_layer_ns(findings) >= kShort_ns) return std::nullopt;
  return Advice{
      "model_is_too_small", kTold + kPays - speed_up(findings),
      fmt::format("The model is too small for int8 to pay: {} in float, {} in int8, {:.2f} times as fast, and "
                  "a layer takes {:.3g} us on average, most of which is starting and ending it.",
                  time_text(findings.time->float_ns), time_text(findings.time->quantized_ns), speed_up(findings),
                  mean_layer_ns(findings) * 1e-3),
      fmt::format("quench bench {} {}", float_model(findings), shell_word(findings.model))};
}

std::optional<Advice> processor_gains_little(const Findings& findings) {
  if (!findings.time || speed_up(findings) >= kPays || mean_layer_ns(findings) < kShort_ns) return std::nullopt;
  const bool all_integer = std::ranges::all_of(findings.layers, &LayerFinding::integer);
  if (!all_integer) return std::nullopt;  // layers_run_in_float tells of it
  return Advice{
      "processor_gains_little", kTold + kPays - speed_up(findings),
      fmt::format("All layers run in int8 and are hardly faster ({:.2f} times): the instruction set here is {}; "
                  "int8 pays where a processor has dot products of bytes (AVX512-VNNI, ARMv8.2).",
                  speed_up(findings), findings.time->isa.empty() ? "not told" : findings.time->isa),
      fmt::format("quench devices forecast {}", shell_word(findings.model))};
}

constexpr Rule kTimeRules[] = {layers_run_in_float, values_are_converted, layers_are_slower, model_is_too_small,
                               processor_gains_little};

}  // namespace

std::span<const Rule> time_rules() { return kTimeRules; }

}  // namespace quench::why
