#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>
#include <string_view>
#include <utility>

#include "config/tables.h"
#include "core/error.h"

namespace quench::config {

using T = OptionType;

namespace {

/// A setting that effective ones hold only where it is given, so that work without it stays the work that it was.
Option optional(const char* name, T type, Json value, const char* help, std::vector<std::string> choices = {},
                std::optional<double> min = {}, std::optional<double> max = {}) {
  return {name, type, std::move(value), help, std::move(choices), min, max, true};
}

constexpr const char* kBudgets[] = {"ratio", "target_gflops", "target_params", "target_bytes", "target_latency"};
constexpr const char* kOfLatency[] = {"latency_device", "latency_runtime", "latency_threads", "latency_precision",
                                      "score_per_time"};

}  // namespace

const OptionSet& prune_options() {
  static const OptionSet options({
      {"criterion",
       T::text,
       "l1",
       "which channels matter least: by the sum of their filters' weights (l1), their Euclidean norm (l2), batch "
       "norm's "
       "scale, distance to the geometric median (fpgm), at random (a control), or the largest norm (a control that "
       "must lose); by training images: gradient times weight (taylor, taylor_abs), squared gradient times squared "
       "weight (obd), mean absolute value (activation), share of values above 0 (zeros), or what a channel says of the "
       "label (mutual_information)",
       {"l1", "l2", "bn_scale", "fpgm", "random", "largest", "taylor", "taylor_abs", "obd", "activation", "zeros",
        "mutual_information"}},
      {"reduction",
       T::text,
       "mean",
       "how the values of layers whose channels are cut together become one",
       {"mean", "sum", "max", "first"}},
      {"normalisation",
       T::text,
       "mean",
       "what scores are divided by, so that layers compare: the group's mean or largest, or the squares that are not "
       "smaller (lamp)",
       {"none", "mean", "max", "lamp"}},
      {"ranking",
       T::text,
       "global",
       "which channels compete: those of a group (local: every group loses the same share), all (global), or those of "
       "groups with the same operations around them (isomorphic)",
       {"local", "global", "isomorphic"}},
      {"ratio", T::number, nullptr, "share of the channels to cut, in (0,1)", {}, 0, 1},
      {"target_gflops", T::text, nullptr, "GFLOPs to come down to: a number, or a share of the model's (0.5x)"},
      {"target_params", T::text, nullptr,
       "parameters to come down to: a number (1500000, 1.5M, 800k), or a share (0.5x)"},
      optional("target_bytes", T::text, nullptr,
               "bytes of weights to come down to, as a float model stores them with batch norms folded: a number "
               "(4000000, 4M, 800k), or a share (0.5x)"),
      optional(
          "target_latency", T::text, nullptr,
          "latency of an image to come down to, on the device of latency_device, by a table of measured times of "
          "layers: a time (12ms, 800us), a share of the model's (0.7x), or, in later rounds, a share of what the model "
          "took before the first (0.7x original)"),
      {"latency_device",
       T::text,
       "host",
       "device on which target_latency is to be met (the command itself runs here): host, a board "
       "(ssh://user@host[:port], "
       "or a device file that has such an address), or another device file: a forecast",
       {},
       {},
       {},
       true,
       "device"},
      optional("latency_runtime", T::text, "native", "runtime in which target_latency is to be met"),
      optional("latency_threads", T::integer, 1, "threads with which target_latency is to be met", {}, 1, 1024),
      optional("latency_precision", T::text, "fp32",
               "precision in which target_latency is to be met: int8 for a model that is quantized later",
               {"fp32", "int8"}),
      optional(
          "score_per_time", T::boolean, false,
          "with target_latency: channels are ranked by their score over the time that a channel of their group saves"),
      {"round", T::integer, 1, "widths that are cut are rounded up to multiples of it", {}, 1, 1024},
      {"keep_min", T::integer, 1, "channels that every group keeps", {}, 1, 1000000},
      {"max_ratio", T::number, 1.0, "share of a group's channels that may be cut", {}, 0, 1},
      {"protect", T::text_list, Json::array(),
       "layers that keep their channels: names, prefixes ending in '.', '*' patterns"},
      {"seed", T::integer, 0, "seed of the random criterion", {}, 0, 4294967295.0},
      {"calibration_images", T::integer, 512, "training images that a criterion of images looks at", {}, 0, 1e9},
      {"calibration_seed", T::integer, 0, "seed of the choice of calibration images", {}, 0, 4294967295.0},
      {"calibration_batch",
       T::integer,
       8,
       "images whose mean gradient is one sample of taylor and taylor_abs",
       {},
       1,
       65536},
  });
  return options;
}

bool criterion_reads_images(std::string_view criterion) {
  constexpr std::string_view kOfImages[] = {"taylor", "taylor_abs", "obd", "activation", "zeros", "mutual_information"};
  return std::ranges::find(kOfImages, criterion) != std::end(kOfImages);
}

std::string prune_budget(const Json& settings, std::string_view where) {
  const auto given = [&](const char* option) { return !settings.value(option, Json()).is_null(); };
  std::vector<std::string> set;
  std::ranges::copy_if(kBudgets, std::back_inserter(set), given);
  if (set.size() != 1) {
    fail(ErrorKind::config, "{}: expected one of {}, got {}", where, fmt::join(kBudgets, ", "),
         set.empty() ? "none of them" : fmt::format("{}", fmt::join(set, " and ")));
  }
  for (const char* option : kOfLatency) {
    if (given(option) && set.front() != "target_latency") {
      fail(ErrorKind::config, "{}: expected target_latency with {}, got {}", where, option, set.front());
    }
  }
  if (set.front() == "target_latency")
    latency_target(settings["target_latency"], fmt::format("{}: target_latency", where));
  return set.front();
}

LatencyTarget latency_target(const std::string& text, std::string_view where) {
  constexpr std::string_view kOfOriginal = "x original";
  constexpr std::pair<std::string_view, double> kUnits[] = {
      {"x", 1}, {kOfOriginal, 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}};
  double number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, problem] = std::from_chars(text.data(), end, number);
  const std::string_view unit(rest, end);
  const auto* known = std::ranges::find(kUnits, unit, [](const auto& entry) { return entry.first; });
  if (problem != std::errc() || known == std::end(kUnits)) {
    fail(ErrorKind::config, "{}: expected a time (12ms, 800us) or a share of the model's (0.7x), got '{}'", where,
         text);
  }
  const bool of_original = unit == kOfOriginal;
  const LatencyTarget target{number * known->second, of_original || unit == "x", of_original};
  if (!(target.value > 0 && std::isfinite(target.value)) || (target.share && target.value >= 1)) {
    fail(ErrorKind::config, "{}: expected a time above 0 or a share in (0,1), got '{}'", where, text);
  }
  return target;
}

LatencySettings latency_settings(const Json& settings) {
  const auto value = [&](const char* option) {
    return settings.value(option, prune_options().find(option)->default_value);
  };
  return {value("latency_device"), value("latency_runtime"), value("latency_threads"), value("latency_precision"),
          value("score_per_time")};
}

}  // namespace quench::config
