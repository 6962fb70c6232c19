// Of the steps that make a quantized model better without training it.
#include "config/refine_options.h"

#include "config/tables.h"
#include "core/error.h"

namespace quench::config {
namespace {

using T = OptionType;

/// Absent where it is not given: a chain knows the model that it quantized.
Option reference() {
  Option option{"reference", T::text, nullptr,
                "the float model that was quantized, an ONNX file of ours (in a study by default that of the chain)"};
  option.optional = true;
  return option;
}

}  // namespace

const OptionSet& picture_options() {
  static const OptionSet options({
      {"pictures",
       T::text,
       "data",
       "images to calibrate on: training images (data), or none: noise, one gray each, fractals, dead leaves, or "
       "pictures "
       "distilled from the model's batch norms (ZeroQ)",
       {"data", "noise", "gray", "fractal", "leaves", "distilled"},
       {},
       {},
       true},
      {"picture_steps", T::integer, 300, "steps of the optimizer for distilled pictures", {}, 1, 1000000, true},
  });
  return options;
}

bool reads_pictures_of_data(const Json& settings) { return settings.value("pictures", std::string("data")) == "data"; }

const OptionSet& correct_bias_options() {
  static const OptionSet options =
      OptionSet({
          {"correction",
           T::text,
           "empirical",
           "means of what layers give from images, each with the layers before it corrected (empirical), or of what "
           "they read from batch-norm statistics (analytic: no images are looked at)",
           {"empirical", "analytic"}},
          {"calibration_images",
           T::integer,
           0,
           "training images for the empirical correction; 0: 512, fewer where they are large (128 at 640 px)",
           {},
           0,
           1e9},
          {"calibration_seed", T::integer, 0, "seed of the choice of calibration images", {}, 0, 4294967295.0},
          reference(),
      }) +
      picture_options();
  return options;
}

const OptionSet& adaround_options() {
  static const OptionSet options =
      OptionSet({
          {"iterations", T::integer, 1000, "steps of the optimizer for each layer", {}, 1, 1e7},
          {"batch", T::integer, 256, "places of a layer's output an iteration", {}, 1, 16384},
          {"lr", T::number, 0.01, "learning rate (Adam)", {}, 1e-6, 10},
          {"regularization",
           T::number,
           100.0,
           "weight of the term that drives each weight to up or down, as a mean over weights, in units of the error of "
           "rounding to nearest",
           {},
           0,
           1e6},
          {"unit",
           T::text,
           nullptr,
           "what is learned at a time: a layer (the default), or a block of layers with one way in and one way out "
           "(block: "
           "BRECQ)",
           {"layer", "block"},
           {},
           {},
           true},
          {"drop",
           T::number,
           nullptr,
           "with unit: block, the probability that a value inside is not rounded while its block is learned (QDrop: "
           "0.5; "
           "default: 0)",
           {},
           0,
           0.99,
           true},
          {"weigh",
           T::text,
           nullptr,
           "with unit: block, what the errors of a block's outputs are weighed by: nothing (none, the default), or the "
           "squared gradient of a classifier's loss there (fisher: BRECQ's diagonal Fisher information)",
           {"none", "fisher"},
           {},
           {},
           true},
          {"block_images",
           T::integer,
           nullptr,
           "with unit: block, images an iteration (default: 32)",
           {},
           1,
           16384,
           true},
          {"calibration_images",
           T::integer,
           0,
           "training images to learn from; 0: 1024, fewer where they are large (128 at 640 px)",
           {},
           0,
           1e9},
          {"calibration_seed", T::integer, 0, "seed of the choice of images, places and batches", {}, 0, 4294967295.0},
          reference(),
      }) +
      picture_options();
  return options;
}

void require_unit(const Json& settings, std::string_view where) {
  if (settings.value("unit", std::string("layer")) == "block") return;
  for (const char* name : {"drop", "weigh", "block_images"}) {
    if (settings.value(name, Json()).is_null()) continue;
    fail(ErrorKind::config, "{}: expected `unit: block` with `{}`, got layer by layer", where, name);
  }
}

}  // namespace quench::config
