// What is asked of `quench why`.
#include "config/why_options.h"

namespace quench::config {

const OptionSet& why_options() {
  using T = OptionType;
  static const OptionSet options({
      {"images", T::integer, 0, "training images to look at; 0: 64, fewer where they are very large", {}, 0, 1e9},
      {"images_seed", T::integer, 0, "seed of the choice of these images", {}, 0, 4294967295.0},
      {"parted_db",
       T::number,
       10,
       "signal over noise, in dB, below which a layer's values have parted from the float model's",
       {},
       -100,
       200},
      {"threads", T::integer, 1, "threads of the native engine, for the times", {}, 1, 1024},
      {"runs",
       T::integer,
       30,
       "timed runs of each model, in rounds of three: the least of the rounds' medians is shown",
       {},
       1,
       100000},
  });
  return options;
}

}  // namespace quench::config
