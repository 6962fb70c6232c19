// What the steps of today are; what they do is in steps/.
#include <fmt/format.h>

#include <charconv>

#include "config/activation_scales.h"
#include "config/tables.h"
#include "core/error.h"
#include "methods/step.h"

namespace quench::methods {
namespace {

/// Settings of a training that a later fine-tuning keeps unless it is told otherwise.
Json as_trained(const Json& train) {
  const auto in_scope = [](config::TrainScope scope) {
    return config::train_options().only(config::train_settings(scope));
  };
  return (config::augment_options() + in_scope(config::TrainScope::kept) + in_scope(config::TrainScope::machine))
      .part_of(train);
}

ModelKind require_float(const ModelKind& kind, const char* step) {
  if (kind.quantized) {
    fail(ErrorKind::config, "expected a float model to {}, got one that is quantized already", step);
  }
  return kind;
}

/// Of steps that calibrate: none where pictures are made.
Needs needs_by_pictures(const Json& settings) {
  return config::reads_pictures_of_data(settings) ? Needs::calibration_images : Needs::nothing;
}

/// A quantized model with other weights, still in float.
ModelKind refined(const ModelKind& kind, const char* step) {
  if (!kind.quantized) {
    fail(ErrorKind::config, "expected a quantized model for {}, got a float one: quantize comes first", step);
  }
  return ModelKind{kind.task, true, false, kind.sparse};
}

/// Which share of the model a prune takes away in a round: what a text of the form 0.5x leaves, or a ratio cuts, is
/// reached by factors that multiply to the whole. A latency is measured anew each time, so that factors would carry
/// what was mispredicted along: it is held against what the model took before the first round.
Json part_of_prune(const Json& settings, double before, double after, const std::string& where) {
  Json part = settings;
  const auto factor = [&](double gone) { return (1 - gone * after) / (1 - gone * before); };
  if (settings.contains("ratio")) part["ratio"] = 1 - factor(settings["ratio"].get<double>());
  for (const auto& [key, value] : settings.items()) {
    if (!key.starts_with("target_") || !value.is_string() || value.get<std::string>().empty()) continue;
    const std::string text = value;
    double share = 0;
    const char* const unit = text.data() + text.size() - 1;
    const auto [rest, problem] = std::from_chars(text.data(), unit, share);
    if (*unit != 'x' || rest != unit || problem != std::errc() || !(share > 0 && share < 1)) {
      fail(ErrorKind::config, "{}.{}: in rounds expected a share between 0 and 1 (0.5x), got '{}'", where, key, text);
    }
    const bool later_latency = key == "target_latency" && before > 0;
    part[key] = later_latency ? fmt::format("{:.6g}x original", 1 - (1 - share) * after)
                              : fmt::format("{:.6g}x", factor(1 - share));
  }
  return part;
}

/// A second sparsify adds zeros: the share after a round is the whole share's part.
Json part_of_sparsify(const Json& settings, double /*before*/, double after, const std::string& where) {
  if (settings.value("pattern", std::string("unstructured")).find(':') != std::string::npos) {
    fail(ErrorKind::config, "{}: N:M has no parts to reach in rounds: expected the pattern unstructured or kernel",
         where);
  }
  const Json whole = config::sparsify_options().checked(settings, where);
  if (!whole["sparsity"].is_number()) fail(ErrorKind::config, "{}: expected sparsity, got none", where);
  Json part = settings;
  part["sparsity"] = whole["sparsity"].get<double>() * after;
  return part;
}

}  // namespace

StepInfo describe_train() {
  return {"train",
          "Train a classifier or detector",
          Needs::training_images,
          true,
          [](std::string_view task) { return config::fit_options(task) + config::distill_options(); },
          [](const ModelKind& kind) { return require_float(kind, "train"); },
          {},
          config::require_teacher,
          {},
          true,
          {},
          true};
}

StepInfo describe_prune() {
  return {"prune",
          "Cut the channels of a model that matter least",
          Needs::calibration_images,
          true,
          [](std::string_view) { return config::prune_options(); },
          [](const ModelKind& kind) {
            if (kind.sparse) {
              fail(ErrorKind::config, "expected a dense model, got a sparse one: prune first, then sparsify");
            }
            return require_float(kind, "prune");
          },
          {},
          [](const Json& settings, std::string_view where) { config::prune_budget(settings, where); },
          part_of_prune,
          false,
          [](const Json& settings) {
            const bool looks = config::criterion_reads_images(settings.at("criterion").get<std::string>());
            return looks ? Needs::calibration_images : Needs::nothing;
          }};
}

StepInfo describe_sparsify() {
  return {"sparsify",
          "Make the smallest weights of a model zero; fine-tuning keeps them zero",
          Needs::calibration_images,
          true,
          [](std::string_view) { return config::sparsify_options(); },
          [](const ModelKind& kind) {
            ModelKind sparse = require_float(kind, "sparsify");
            sparse.sparse = true;
            return sparse;
          },
          {},
          {},
          part_of_sparsify,
          false,
          [](const Json& settings) {
            return settings.at("criterion") == "taylor" ? Needs::calibration_images : Needs::nothing;
          }};
}

StepInfo describe_quantize() {
  StepInfo info{"quantize",
                "Compress a trained model to integers",
                Needs::calibration_images,
                false,  // `quench quantize` is PTQ and QAT, methods of this step
                [](std::string_view) { return config::quantize_options(); },
                [](const ModelKind& kind) {
                  // Float weights behind quantizers are quantized anew: to fewer bits, after a training with more.
                  if (kind.integers) require_float(kind, "quantize");
                  return ModelKind{kind.task, true, false, kind.sparse};
                }};
  info.needs_under = [](const Json& settings) {
    return config::quantize_looks_at_images(settings) ? needs_by_pictures(settings) : Needs::nothing;
  };
  info.check = [](const Json& settings, std::string_view where) {
    config::require_levels(settings, where);
    config::require_activation_scales(settings, where);
  };
  return info;
}

StepInfo describe_assign_bits() {
  StepInfo info = describe_quantize();
  info.name = "assign_bits";
  info.summary = "Quantize with the bits that each layer needs: for a score, a size, or a latency";
  info.command = true;
  info.options = [](std::string_view) { return config::assign_bits_options(); };
  info.needs_under = {};
  info.gives = [](const ModelKind& kind) {
    require_float(kind, "give bits to");
    return ModelKind{kind.task, true, false, kind.sparse};
  };
  info.check = [](const Json& settings, std::string_view where) { config::assign_bits_goal(settings, where); };
  return info;
}

StepInfo describe_equalize() {
  return {"equalize",
          "Scale the channels between two layers so that both quantize well; the model computes the same",
          Needs::nothing,
          true,
          [](std::string_view) { return config::OptionSet(); },
          [](const ModelKind& kind) { return require_float(kind, "equalize"); }};
}

StepInfo describe_split_channels() {
  return {"split_channels",
          "Duplicate the channels that the largest weights read, and halve these weights; the model computes the same",
          Needs::nothing,
          true,
          [](std::string_view) { return config::split_channels_options(); },
          [](const ModelKind& kind) {
            if (kind.sparse) {
              fail(ErrorKind::config,
                   "expected a dense model, got a sparse one: split its channels first, then sparsify");
            }
            return require_float(kind, "split the channels of");
          }};
}

StepInfo describe_adaround() {
  StepInfo info{"adaround",
                "Learn which weights of a quantized model are rounded up and which down",
                Needs::calibration_images,
                true,
                [](std::string_view) { return config::adaround_options(); },
                [](const ModelKind& kind) { return refined(kind, "adaround"); }};
  info.needs_under = needs_by_pictures;
  info.looks_back = true;
  return info;
}

StepInfo describe_correct_bias() {
  StepInfo info{"correct_bias",
                "Correct the biases of a quantized model so that each channel has the mean of the float model",
                Needs::calibration_images,
                true,
                [](std::string_view) { return config::correct_bias_options(); },
                [](const ModelKind& kind) { return refined(kind, "correct_bias"); }};
  info.needs_under = [](const Json& settings) {
    return settings.at("correction") == "analytic" ? Needs::nothing : needs_by_pictures(settings);
  };
  info.looks_back = true;
  return info;
}

StepInfo describe_finetune() {
  StepInfo info{"finetune",
                "Train a trained or quantized model further; quantization is simulated while it learns",
                Needs::training_images,
                true,
                [](std::string_view task) {
                  return config::qat_options(task) + config::quantizer_options() + config::augment_options() +
                         config::distill_options();
                },
                [](const ModelKind& kind) {
                  return ModelKind{kind.task, kind.quantized, false, kind.sparse};
                },
                as_trained,
                [](const Json& settings, std::string_view where) {
                  config::require_teacher(settings, where);
                  config::require_quantizers(settings, where);
                },
                {},
                false,
                {},
                true};
  info.suits = [](const Json& settings, const ModelKind& given, std::string_view where) {
    if (given.quantized) config::require_digits(settings, where);
    const Json of_quantizers = config::quantizer_options().part_of(settings);
    if (given.quantized || of_quantizers.empty()) return;
    fail(ErrorKind::config, "{}: expected a quantized model for '{}', got a float one: quantize comes first", where,
         of_quantizers.begin().key());
  };
  return info;
}

StepInfo describe_convert() {
  return {"convert",
          "Weights of a quantized model from floats to the integers that run",
          Needs::nothing,
          false,
          [](std::string_view) { return config::OptionSet(); },
          [](const ModelKind& kind) {
            if (!kind.quantized) {
              fail(ErrorKind::config, "expected a quantized model, got a float one");
            }
            return ModelKind{kind.task, true, true, kind.sparse};
          }};
}

}  // namespace quench::methods
