// Of what finds out how many bits each layer needs, and gives them.
#include <fmt/ranges.h>

#include "config/tables.h"
#include "core/error.h"

namespace quench::config {
namespace {

using T = OptionType;

Option if_given(const char* name, T type, Json value, const char* help, std::vector<std::string> choices = {}) {
  Option option{name, type, std::move(value), help, std::move(choices)};
  option.optional = true;
  return option;
}

constexpr const char* kGoals[] = {"max_loss", "target_bytes", "target_bops", "target_latency"};

}  // namespace

const OptionSet& sensitivity_options() {
  static const OptionSet options =
      quantize_options().without({"layer_bits", "quantize_head", "levels", "scales", "group_size", "requantization",
                                  "activation_scales", "pictures", "picture_steps"}) +
      OptionSet({
          {"bits",
           T::text_list,
           Json::array({"8", "4", "2"}),
           "widths of weights at which each layer is tried alone",
           {"8", "7", "6", "5", "4", "3", "2"}},
          {"images",
           T::integer,
           0,
           "training images to look at; 0: 512, fewer where they are large (128 at 640 px)",
           {},
           0,
           1e9},
          {"scores", T::boolean, false, "also the task's score (top-1, mAP) of each; takes longer for detectors"},
          {"hessian_probes",
           T::integer,
           2,
           "random directions that the trace of the Hessian is taken from; 0: none",
           {},
           0,
           10000},
      });
  return options;
}

const OptionSet& assign_bits_options() {
  Option max_loss = if_given("max_loss", T::number, nullptr,
                             "share of the float model's score that may be lost (0.01: 99 % is kept): the cheapest "
                             "assignment of which this holds on training images");
  max_loss.min = 0;
  max_loss.max = 1;
  static const OptionSet options =
      quantize_options().without({"bits_w", "layer_bits", "quantize_head", "levels", "scales", "group_size",
                                  "requantization", "activation_scales", "weight_scales", "pictures",
                                  "picture_steps"}) +
      OptionSet({
          {"weight_scales",
           T::text,
           "mse",
           "how weight scales are picked: the largest weight is the last integer (max_abs), the least squared error of "
           "the weights (mse), or of the layer's output (output_mse)",
           {"max_abs", "mse", "output_mse"}},
          {"widths",
           T::text_list,
           Json::array({"8", "4", "2", "float"}),
           "what a layer may have: bits of its weights, or float",
           {"8", "7", "6", "5", "4", "3", "2", "float"}},
          {"by",
           T::text,
           "error",
           "what of the sensitivity table is summed over layers: error of the outputs, loss, or the loss as the "
           "Hessian "
           "forecasts it",
           {"error", "loss", "forecast"}},
          if_given("sensitivity", T::text, nullptr,
                   "table that `quench sensitivity` wrote of this model (default: it is measured)"),
          {"images",
           T::integer,
           0,
           "training images to measure and to score on; 0: 512, fewer where they are large (128 at 640 px)",
           {},
           0,
           1e9},
          {"points",
           T::integer,
           24,
           "budgets between the cheapest and the dearest assignment that are listed",
           {},
           2,
           1000},
          max_loss,
          {"minimize",
           T::text,
           "bytes",
           "with max_loss: which cost is made least: bytes of weights, bops (multiply-accumulates x bits of weights x "
           "bits of what is read), or latency",
           {"bytes", "bops", "latency"}},
          if_given("target_bytes", T::text, nullptr,
                   "bytes of weights to come down to: a number (400000, 1.5M), or a share of the float model's (0.2x)"),
          if_given("target_bops", T::text, nullptr,
                   "bit operations to come down to: a number (2G), or a share of the float model's (0.05x)"),
          if_given(
              "target_latency", T::text, nullptr,
              "latency of an image to come down to, by a table of measured times of layers: a time (12ms, 800us), or "
              "a share of the float model's (0.5x)"),
      }) +
      prune_options().only({"latency_device", "latency_runtime", "latency_threads"});
  return options;
}

std::string assign_bits_goal(const Json& settings, std::string_view where) {
  std::vector<std::string> set;
  for (const char* goal : kGoals) {
    if (!settings.value(goal, Json()).is_null()) set.emplace_back(goal);
  }
  if (set.size() != 1) {
    fail(ErrorKind::config, "{}: expected one of {}, got {}", where, fmt::join(kGoals, ", "),
         set.empty() ? "none of them" : fmt::format("{}", fmt::join(set, " and ")));
  }
  if (set.front() == "target_latency") {
    latency_target(settings["target_latency"], fmt::format("{}: target_latency", where));
  }
  if (settings.contains("widths") && settings["widths"].empty()) {
    fail(ErrorKind::config, "{}: expected widths, got none", where);
  }
  if (settings.contains("widths") && settings["widths"] == Json::array({"float"})) {
    fail(ErrorKind::config, "{}: expected a width in bits beside float, got none", where);
  }
  return set.front();
}

}  // namespace quench::config
