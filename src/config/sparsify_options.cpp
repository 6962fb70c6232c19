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
      {"scope",
       OptionType::text,
       "global",
       "what competes: the weights of all layers, or those of each",
       {"global", "layer"}},
      {"protect", OptionType::text_list, Json::array(),
       "layers that keep their weights: names, prefixes ending in '.', '*' patterns"},
  });
  return options;
}

}  // namespace quench::config
