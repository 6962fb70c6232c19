// What is worth knowing where few causes were found.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "why/quantize_call.h"
#include "why/rules.h"

namespace quench::why {
namespace {

std::string decibels_text(double value) { return std::isinf(value) ? "no noise" : fmt::format("{:.1f} dB", value); }

std::optional<Advice> where_outputs_part(const Findings& findings) {
  if (!findings.all) return std::nullopt;
  if (findings.parts_at) {
    const LayerFinding& layer = findings.layers.at(*findings.parts_at);
    const std::string part =
        layer.part ? fmt::format("; in float it alone takes {:.1f} % of the error away", 100 * layer.part->share) : "";
    return Advice{
        "where_outputs_part", 0,
        fmt::format("Values part from the float model's at {}: signal over noise is {} there, below {:.3g} dB "
                    "for the first time{}.",
                    layer.layer, decibels_text(layer.noise->sqnr_db), findings.parted_db, part),
        ""};
  }
  const auto least = std::ranges::min_element(
      findings.layers, {}, [](const LayerFinding& layer) { return layer.noise ? layer.noise->sqnr_db : INFINITY; });
  if (least == findings.layers.end() || !least->noise) return std::nullopt;
  return Advice{"where_outputs_part", 0,
                fmt::format("No layer's values part from the float model's: signal over noise is {} at the least ({}), "
                            "and the outputs' error is {:.3g} of their squares.",
                            decibels_text(least->noise->sqnr_db), least->layer, findings.all->error),
                ""};
}

std::optional<Advice> how_fast_it_is(const Findings& findings) {
  if (!findings.time) {
    return findings.no_time.empty()
               ? std::nullopt
               : std::optional(Advice{"how_fast_it_is", 0, "It cannot be timed here: " + findings.no_time + ".", ""});
  }
  const ModelTime& time = *findings.time;
  return Advice{"how_fast_it_is", 0,
                fmt::format("The quantized model takes {:.3g} ms, {:.2f} times as fast as {} ({:.3g} ms); {:.0f} % of "
                            "it are convolutions and linear layers.",
                            time.quantized_ns * 1e-6, time.float_ns / time.quantized_ns,
                            time.stand_in ? "its own layers in float" : "the float model", time.float_ns * 1e-6,
                            100 * time.layers_ns / time.quantized_ns),
                ""};
}

std::optional<Advice> data_are_missing(const Findings& findings) {
  if (findings.all) return std::nullopt;
  return Advice{
      "data_are_missing", 0, "What the rounding does to the outputs is measured where images are given.",
      fmt::format("quench why {} --against {} --data DATA", shell_word(findings.model), float_model(findings))};
}

std::optional<Advice> most_expensive_layer(const Findings& findings) {
  if (!findings.time) return std::nullopt;
  const auto most = std::ranges::max_element(
      findings.layers, {}, [](const LayerFinding& layer) { return layer.time ? layer.time->quantized_ns : 0; });
  if (most == findings.layers.end() || !most->time) return std::nullopt;
  return Advice{"most_expensive_layer", 0,
                fmt::format("The layer that takes longest is {}: {:.3g} ms, in float {:.3g} ms.", most->layer,
                            most->time->quantized_ns * 1e-6, most->time->float_ns * 1e-6),
                ""};
}

std::optional<Advice> how_many_are_integer(const Findings& findings) {
  const auto integer = std::ranges::count_if(findings.layers, &LayerFinding::integer);
  return Advice{
      "how_many_are_integer", 0,
      fmt::format("{} of {} convolutions and linear layers run in integers.", integer, findings.layers.size()), ""};
}

constexpr Rule kFactRules[] = {where_outputs_part, how_fast_it_is, data_are_missing, most_expensive_layer,
                               how_many_are_integer};

}  // namespace

std::span<const Rule> fact_rules() { return kFactRules; }

}  // namespace quench::why
