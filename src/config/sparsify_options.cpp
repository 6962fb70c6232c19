#include "config/tables.h"

namespace quench::config {

const OptionSet& sparsify_options() {
  static const OptionSet options({
      {"pattern", OptionType::text, "unstructured",
       "which weights become zero together: each by itself (unstructured), those of one input and one output channel "
       "(kernel), of so many output by so many input channels at one place of the kernel (16x4, which the native "
       "engine "
       "skips), or all but N of M neighbouring input channels (N:M, as 2:4)"},
      {"sparsity",
       OptionType::number,
       nullptr,
       "share of the weights that become zero, in (0,1); none with N:M",
       {},
       0,
       1},
      {"criterion",
       OptionType::text,
       "magnitude",
       "which weights matter least: the smallest (magnitude), or by training images those with the smallest squared "
       "product with the loss's gradient (taylor)",
       {"magnitude", "taylor"}},
      {"scope",
       OptionType::text,
       "global",
       "what competes: the weights of all layers, or those of each",
       {"global", "layer"}},
      {"protect", OptionType::text_list, Json::array(),
       "layers that keep their weights: names, prefixes ending in '.', '*' patterns"},
      {"calibration_images", OptionType::integer, 512, "training images that taylor looks at", {}, 0, 1e9},
      {"calibration_seed", OptionType::integer, 0, "seed of the choice of calibration images", {}, 0, 4294967295.0},
      {"calibration_batch", OptionType::integer, 8, "images whose mean gradient is one sample of taylor", {}, 1, 65536},
  });
  return options;
}

const OptionSet& split_channels_options() {
  static const OptionSet options({
      {"ratio", OptionType::number, 0.02, "share of each layer's channels that is made twice, at most", {}, 1e-6, 1},
      {"protect", OptionType::text_list, Json::array(),
       "layers that keep their channels: names, prefixes ending in '.', '*' patterns"},
  });
  return options;
}

}  // namespace quench::config
