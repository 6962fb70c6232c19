#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "config/tables.h"
#include "core/error.h"

namespace quench::config {

using T = OptionType;

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
      {"round", T::integer, 1, "widths that are cut become multiples of it, upwards", {}, 1, 1024},
      {"keep_min", T::integer, 1, "channels that every group keeps", {}, 1, 1000000},
      {"max_ratio", T::number, 1.0, "share of a group's channels that may be cut", {}, 0, 1},
      {"protect", T::text_list, Json::array(),
       "layers that keep their channels: names, prefixes ending in '.', '*' patterns"},
      {"seed", T::integer, 0, "of the random criterion", {}, 0, 4294967295.0},
      {"calibration_images", T::integer, 512, "training images that a criterion of images looks at", {}, 0, 1e9},
      {"calibration_seed", T::integer, 0, "of the choice of calibration images", {}, 0, 4294967295.0},
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
  std::string set, all;
  int count = 0;
  for (const char* option : {"ratio", "target_gflops", "target_params"}) {
    if (settings.at(option).is_null()) continue;
    all += fmt::format("{}{}", count == 0 ? "" : " and ", option);
    set = option;
    ++count;
  }
  if (count != 1) {
    fail(ErrorKind::config, "{} expected one of ratio, target_gflops and target_params, got {}", where,
         count == 0 ? "none of them" : all);
  }
  return set;
}

}  // namespace quench::config
