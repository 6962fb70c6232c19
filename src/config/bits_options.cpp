// Of what finds out how many bits each layer needs.
#include "config/tables.h"

namespace quench::config {
namespace {

using T = OptionType;

}  // namespace

const OptionSet& sensitivity_options() {
  static const OptionSet options =
      quantize_options().without({"layer_bits", "quantize_head"}) +
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

}  // namespace quench::config
