#include "config/tables.h"

namespace quench::config {

const OptionSet& repeat_options() {
  static const OptionSet options({
      {"rounds", OptionType::integer, 4, "how often the steps run", {}, 2, 100},
      {"schedule",
       OptionType::text,
       "linear",
       "how much of the goal is reached after each round: equal parts of it, or much at first and little at the end "
       "(Zhu & Gupta 2017)",
       {"linear", "cubic"}},
  });
  return options;
}

}  // namespace quench::config
