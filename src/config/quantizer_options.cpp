// Of fine-tuning a model with fake-quantizers (QAT): how these train. What is not given is as it always was.
#include <algorithm>

#include "config/tables.h"
#include "core/error.h"

namespace quench::config {
namespace {

using T = OptionType;

/// Absent where it is not given: a training without it stays the work that it was.
Option quantizer_option(Option option) {
  option.optional = true;
  return option;
}

/// Settings that say nothing without another one: its name, and the value that it must have ("": any).
struct Needed {
  const char* setting;
  const char* other;
  const char* value;
};
constexpr Needed kNeeded[] = {{"pact_decay", "activation_quantizer", "pact"},
                              {"ewgs_delta", "estimator", "ewgs"},
                              {"damping_schedule", "damping", ""},
                              {"freeze_momentum", "freeze_threshold", ""}};

bool is_given(const Json& settings, const char* name, const char* value) {
  return settings.contains(name) && (*value == '\0' || settings[name] == value);
}

}  // namespace

const OptionSet& quantizer_options() {
  static const OptionSet options({
      quantizer_option({"weight_ranges",
                        T::text,
                        nullptr,
                        "scales of weights while fine-tuning a quantized model: learned (LSQ), covering the present "
                        "weights (follow), or frozen (default: learned where weights have fewer than 7 bits and "
                        "nothing else chose their scales, else follow)",
                        {"learned", "follow", "frozen"}}),
      quantizer_option({"activation_quantizer",
                        T::text,
                        nullptr,
                        "what learned activation ranges learn: a scale (lsq, the default), a scale and an offset "
                        "(lsq_plus), or the upper end of values that are not negative (pact)",
                        {"lsq", "lsq_plus", "pact"}}),
      quantizer_option({"pact_decay",
                        T::number,
                        nullptr,
                        "pact: factor of the L2 penalty on the upper ends (default: weight_decay)",
                        {},
                        0,
                        1000}),
      quantizer_option({"weight_quantizer",
                        T::text,
                        nullptr,
                        "what of a weight is rounded: itself (uniform, the default), or its tanh transform (dorefa)",
                        {"uniform", "dorefa"}}),
      quantizer_option({"estimator",
                        T::text,
                        nullptr,
                        "gradient of rounding: passed on (ste, the default), or scaled for each value by its distance "
                        "to the integer (ewgs)",
                        {"ste", "ewgs"}}),
      quantizer_option({"ewgs_delta", T::number, nullptr, "ewgs: strength of that scaling (default: 0.2)", {}, 0, 2}),
      quantizer_option({"stochastic_rounding", T::boolean, nullptr,
                        "round weights up or down by chance in training, by their distances; evaluation and the result "
                        "round to nearest"}),
      quantizer_option({"damping",
                        T::number,
                        nullptr,
                        "factor of a penalty on the squared distances between weights and what they are rounded to, "
                        "against oscillation; 0: off",
                        {},
                        0,
                        1e6}),
      quantizer_option({"damping_schedule",
                        T::text,
                        nullptr,
                        "damping over time: from 0 to the factor by half a cosine (cosine, the default), or constant",
                        {"cosine", "constant"}}),
      quantizer_option({"freeze_threshold",
                        T::number,
                        nullptr,
                        "weights whose integer turns back and forth in a larger share of the steps (a moving average) "
                        "are frozen at the mean of their integers",
                        {},
                        0.0001,
                        1}),
      quantizer_option({"freeze_momentum",
                        T::number,
                        nullptr,
                        "share of a step in that moving average (default: 0.01)",
                        {},
                        0.0001,
                        1}),
      quantizer_option({"learn",
                        T::text,
                        nullptr,
                        "what trains of a quantized model: all that it has (the default), or a scale and a bias for "
                        "each output channel alone (correction)",
                        {"all", "correction"}}),
  });
  return options;
}

void require_digits(const Json& settings, std::string_view where) {
  if (settings.value("precision", std::string("fp32")) != "bf16") return;
  fail(
      ErrorKind::config,
      "{}: expected `precision: fp32` for a model whose quantization is simulated, got `precision: bf16`: bfloat16 has "
      "fewer digits than what is rounded to 8 bits needs",
      where);
}

void require_quantizers(const Json& settings, std::string_view where) {
  for (const Needed& needed : kNeeded) {
    if (!settings.contains(needed.setting) || is_given(settings, needed.other, needed.value)) continue;
    fail(ErrorKind::config, "{}: expected '{}{}{}' with '{}', got none", where, needed.other,
         *needed.value == '\0' ? "" : ": ", needed.value, needed.setting);
  }
  if (settings.contains("activation_quantizer") && settings.value("ranges", "learned") == "frozen") {
    fail(ErrorKind::config, "{}: expected 'ranges: learned' with 'activation_quantizer', got frozen: no range trains",
         where);
  }
  if (settings.contains("freeze_threshold") && is_given(settings, "weight_quantizer", "dorefa")) {
    fail(ErrorKind::config,
         "{}: expected 'freeze_threshold' without 'weight_quantizer: dorefa': a frozen integer has no place among "
         "weights that one transform scales together",
         where);
  }
  if (!is_given(settings, "learn", "correction")) return;
  const Json given = quantizer_options().part_of(settings);
  for (const auto& [name, value] : given.items()) {
    if (name == "learn") continue;
    fail(ErrorKind::config,
         "{}: expected no '{}' with 'learn: correction': weights, their integers and ranges stay as they are", where,
         name);
  }
}

bool learns_narrow_weights(const Json& finetune) {
  return !finetune.contains("weight_ranges") && !is_given(finetune, "weight_quantizer", "dorefa") &&
         !is_given(finetune, "learn", "correction");
}

}  // namespace quench::config
