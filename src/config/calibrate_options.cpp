// What is asked of `quench calibrate`.
#include "config/calibrate_options.h"

#include "config/tables.h"

namespace quench::config {

const OptionSet& calibrate_options() {
  using T = OptionType;
  Option scales = *quantize_options().find("weight_scales");
  scales.choices = {"max_abs", "mse"};
  scales.help =
      "how weight scales are picked: the largest weight is the last integer (max_abs, the default), or the least "
      "squared error of the weights (mse)";
  static const OptionSet options =
      quantize_options().without({"observer", "calibration_images", "calibration_list", "weight_scales",
                                  "activation_scales", "pictures", "picture_steps"}) +
      OptionSet({
          scales,
          {"compare", T::boolean, false,
           "score the model quantized by each observer on each choice of pictures, not only look at the pictures"},
          {"observers",
           T::text_list,
           Json::array({"minmax", "percentile", "mse", "entropy", "aciq"}),
           "observers to compare (not moving_average, which depends on the order of pictures)",
           {"minmax", "percentile", "mse", "entropy", "aciq"}},
          {"choices",
           T::text_list,
           Json::array({"random", "hard", "easy"}),
           "which pictures: any, or those of the float model's largest or least loss among the candidates",
           {"random", "hard", "easy"}},
          {"counts", T::text_list, Json::array(),
           "numbers of pictures to calibrate on (default: an eighth and a half of the candidates)"},
          {"exclude", T::text_list, Json::array({"8"}),
           "how many pictures, of those that alone widen ranges the most, to leave out of the largest random choice"},
          {"seeds",
           T::integer,
           3,
           "how many choices of pictures: calibration_seed and the seeds after it",
           {},
           1,
           1000},
          {"candidates",
           T::integer,
           0,
           "training images of a seed that are looked at; 0: 1024, fewer where they are large (128 at 640 px)",
           {},
           0,
           1e9},
          {"score_images",
           T::integer,
           0,
           "training images to score on, on which nothing is calibrated; 0: 512, fewer where they are large (128 at "
           "640 px); half of the training images at most",
           {},
           0,
           1e9},
      });
  return options;
}

}  // namespace quench::config
