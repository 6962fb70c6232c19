// Of grids that are not one step a channel: levels of weights that are not uniform, scales that are powers of two,
// scales by groups of inputs; and of how integers change from one grid to another.
#include <algorithm>

#include "config/requantization.h"
#include "config/tables.h"
#include "core/error.h"

namespace quench::config {
namespace {

/// Levels, and the widths of weights that have them.
struct LevelWidths {
  std::string_view levels;
  int least, most;
  const char* below;  ///< why not fewer bits
  const char* above;  ///< why not more
};
constexpr LevelWidths kLevelWidths[] = {
    {"binary", 1, 1, "", "their two levels, -1 and 1, are told apart by one bit"},
    {"pot", 3, 4, "at 2 bits they are -1, 0 and 1, which uniform levels are too",
     "a byte has no room for more powers of two than 1 to 64"},
    {"apot", 3, 6, "at 2 bits they are -1, 0 and 1, which uniform levels are too",
     "their sums of 7 bits and more need terms that a byte has no room for"},
    {"kmeans", 2, 7, "", "at 8 bits every integer of a byte is a level, as uniform ones are"},
};

constexpr int kLeastGroupBits = 2, kMostGroupBits = 5;

/// group_size above 0: uniform levels of few bits.
void require_groups(const Json& settings, std::string_view where) {
  if (settings.value("group_size", int64_t{0}) == 0) return;
  if (const std::string levels = settings.value("levels", std::string("uniform")); levels != "uniform") {
    fail(ErrorKind::config, "{}: expected 'levels: uniform' with 'group_size', got {}: groups scale steps of one size",
         where, levels);
  }
  if (settings.value("scales", std::string("float")) != "float") {
    fail(ErrorKind::config,
         "{}: expected 'scales: float' with 'group_size', got power_of_two: scales and factors are chosen together",
         where);
  }
  if (const int bits = settings.at("bits_w"); bits < kLeastGroupBits || bits > kMostGroupBits) {
    fail(ErrorKind::config,
         "{}: expected 'bits_w' from {} to {} with 'group_size', got {}: a byte has no room for codes of more bits "
         "times "
         "factors above 4",
         where, kLeastGroupBits, kMostGroupBits, bits);
  }
  if (settings.at("target") == "tensorrt") {
    fail(
        ErrorKind::config,
        "{}: expected the target native or onnxruntime with 'group_size', got tensorrt, which reads no codes of groups",
        where);
  }
}

}  // namespace

const OptionSet& level_options() {
  static const OptionSet options({
      {"levels",
       OptionType::text,
       nullptr,
       "values that weights take, in steps of their scale: every integer (uniform, the default), powers of two (pot, 3 "
       "or 4 bits), sums of powers of two (apot, 3 to 6 bits), a codebook of each layer by k-means (kmeans, 2 to 7 "
       "bits), or -1 and 1 (binary, 1 bit)",
       {"uniform", "pot", "apot", "kmeans", "binary"},
       {},
       {},
       true},
      {"scales",
       OptionType::text,
       nullptr,
       "scales of weights and activations: any number (float, the default), or powers of two, by which one scale turns "
       "into another by a shift (power_of_two)",
       {"float", "power_of_two"},
       {},
       {},
       true},
      {"group_size",
       OptionType::integer,
       nullptr,
       "inputs of an output channel that share a factor of its weights' scale, an integer (2 to 5 bits; 0: one scale a "
       "channel, the default)",
       {},
       0,
       65536,
       true},
      {"requantization",
       OptionType::text,
       nullptr,
       "target native: how sums of integers become bytes, by float factors (float, the default), or by integers alone, "
       "b / 2^c (dyadic; implies silu_tables)",
       {"float", "dyadic"},
       {},
       {},
       true},
  });
  return options;
}

bool has_levels(std::string_view levels, int bits) {
  const auto* const found = std::ranges::find(kLevelWidths, levels, &LevelWidths::levels);
  return found != std::end(kLevelWidths) && bits >= found->least && bits <= found->most;
}

void require_levels(const Json& settings, std::string_view where) {
  require_requantization(settings, where);
  require_groups(settings, where);
  const std::string levels = settings.value("levels", std::string("uniform"));
  const auto* const found = std::ranges::find(kLevelWidths, levels, &LevelWidths::levels);
  if (found == std::end(kLevelWidths)) {
    if (settings.value("bits_w", 8) > 1) return;
    fail(ErrorKind::config, "{}: expected 'levels: binary' with 'bits_w: 1', got {}: uniform levels begin at 2 bits",
         where, levels);
  }
  if (const int bits = settings.at("bits_w"); !has_levels(levels, bits)) {
    const std::string widths = found->least == found->most
                                   ? fmt::format("'bits_w: {}'", found->least)
                                   : fmt::format("'bits_w' from {} to {}", found->least, found->most);
    fail(ErrorKind::config, "{}: expected {} with 'levels: {}', got {}: {}", where, widths, levels, bits,
         bits < found->least ? found->below : found->above);
  }
  if (settings.at("target") == "tensorrt") {
    fail(
        ErrorKind::config,
        "{}: expected the target native or onnxruntime with 'levels: {}', got tensorrt, which reads no codes of levels",
        where, levels);
  }
}

}  // namespace quench::config
