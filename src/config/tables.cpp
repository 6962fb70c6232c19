#include "config/tables.h"

namespace quench::config {
namespace {

using T = OptionType;

}  // namespace

const OptionSet& data_options() {
  static const OptionSet options({
      {"data", T::text, "cifar100", "data set: built-in name or path"},
      {"data_root", T::text, nullptr, "folder of the built-in sets (default: $QUENCH_DATA, else ~/.cache/quench)"},
      {"train_limit", T::integer, 0, "use the first N training images of a seeded shuffle; 0: all", {}, 0, 1e9},
      {"test_limit", T::integer, 0, "use the first N test images; 0: all", {}, 0, 1e9},
  });
  return options;
}

const OptionSet& augment_options() {
  static const OptionSet options({
      {"crop_padding",
       T::integer,
       4,
       "random crop after padding by N pixels (of the source image); 0: off",
       {},
       0,
       512},
      {"flip", T::boolean, true, "random horizontal flip"},
      {"color_jitter", T::number, 0.0, "strength of random brightness, contrast and saturation; 0: off", {}, 0, 1},
      {"policy", T::text, "none", "automatic augmentation", {"none", "randaugment", "trivialaugment"}},
      {"policy_magnitude", T::number, 9.0, "RandAugment magnitude of 30", {}, 0, 30},
      {"policy_ops", T::integer, 2, "RandAugment operations an image", {}, 0, 14},
      {"erasing", T::number, 0.0, "probability of random erasing (Zhong et al. 2020)", {}, 0, 1},
      {"mixup", T::number, 0.0, "mixup alpha (Zhang et al. 2018); 0: off", {}, 0, 100},
      {"cutmix", T::number, 0.0, "CutMix alpha (Yun et al. 2019); 0: off", {}, 0, 100},
      {"mix_probability", T::number, 1.0, "share of batches that mixup or CutMix touches", {}, 0, 1},
      {"augment_off_epochs",
       T::integer,
       0,
       "last epochs without policy, erasing, mixup, CutMix and jitter; detection: without mosaic",
       {},
       0,
       100000},
      {"mosaic", T::number, 1.0, "detection: probability of a mosaic of four images", {}, 0, 1},
      {"mosaic_mixup", T::number, 0.0, "detection: probability of blending two mosaics", {}, 0, 1},
      {"degrees", T::number, 0.0, "detection: largest rotation", {}, 0, 180},
      {"translate", T::number, 0.1, "detection: largest shift, as a fraction of the image", {}, 0, 1},
      {"scale", T::number, 0.5, "detection: largest change of size: 1 - scale to 1 + scale", {}, 0, 0.99},
      {"shear", T::number, 0.0, "detection: largest shear in degrees", {}, 0, 89},
      {"perspective", T::number, 0.0, "detection: largest perspective coefficient", {}, 0, 0.01},
      {"hsv_h", T::number, 0.015, "detection: largest change of hue, as a fraction of the circle", {}, 0, 0.5},
      {"hsv_s", T::number, 0.7, "detection: largest relative change of saturation", {}, 0, 1},
      {"hsv_v", T::number, 0.4, "detection: largest relative change of brightness", {}, 0, 1},
  });
  return options;
}

const OptionSet& model_options() {
  static const OptionSet options({
      {"model", T::text, "yolov5n-cls", "model name or ONNX file"},
      {"pretrained", T::text, nullptr, "checkpoint (.pt, .safetensors, .onnx) to start from"},
      {"auto_anchor", T::boolean, true, "detection: new anchors where the model's own do not fit the data's boxes"},
      {"imgsz", T::integer, 0, "image side in pixels; 0: the model's own", {}, 0, 8192},
      {"stem_stride", T::integer, 2, "stride of the first convolution; 1 for small images", {}, 1, 2},
  });
  return options;
}

const OptionSet& quantize_options() {
  static const OptionSet options =
      OptionSet({
          {"target",
           T::text,
           "native",
           "runtime whose placement of quantizers to use",
           {"native", "onnxruntime", "tensorrt", "openvino"}},
          {"observer",
           T::text,
           "mse",
           "how activation ranges are picked",
           {"minmax", "moving_average", "percentile", "mse", "entropy", "aciq"}},
          {"percentile", T::number, 99.99, "share of values kept by the percentile observer, in %", {}, 50, 100},
          {"weights", T::text, "per_channel", "granularity of weight scales", {"per_channel", "per_tensor"}},
          {"weight_scales",
           T::text,
           nullptr,
           "how weight scales are picked: the largest weight is the last integer (max_abs, the default), the least "
           "squared "
           "error of the weights (mse), or of the layer's output (output_mse: errors weighed by their input's mean "
           "square)",
           {"max_abs", "mse", "output_mse"},
           {},
           {},
           true},  // absent where it is not given: what was quantized without it stays the work that it was
          {"activations",
           T::text,
           "asymmetric",
           "activation scheme: asymmetric, or symmetric around zero",
           {"asymmetric", "symmetric"}},
          {"activation_scales",
           T::text,
           nullptr,
           "scales and zero points of activations: from calibration images (static, the default), or of each image "
           "from "
           "its own values as the model runs (dynamic: no image is looked at here)",
           {"static", "dynamic"},
           {},
           {},
           true},
          {"bits_w",
           T::integer,
           8,
           "weight bits (7 where the processor's int8 dot product saturates; 1 with levels: binary)",
           {},
           1,
           8},
          {"bits_a", T::integer, 8, "activation bits", {}, 2, 8},
          {"layer_bits", T::text_list, Json::array(),
           "layers of other widths: NAME=w4, NAME=a6 (what it reads) or NAME=w4a6; names as in float_layers, later "
           "ones "
           "win"},
          {"calibration_images", T::integer, 512, "training images to calibrate on", {}, 0, 1e9},
          {"calibration_seed", T::integer, 0, "seed of the choice of calibration images", {}, 0, 4294967295.0},
          {"calibration_list",
           T::text_list,
           nullptr,
           "training images to calibrate on in place of a seeded choice, by number from 0 (quench calibrate names "
           "them)",
           {},
           {},
           {},
           true},
          {"float_layers", T::text_list, Json::array(),
           "layers kept in float: names, prefixes ending in '.', '*' patterns"},
          {"quantize_head", T::boolean, false, "detectors: quantize the last convolutions of the head too"},
          {"silu_tables", T::boolean, false,
           "target native: round to bytes before SiLU too, which then is a table of 256 bytes: less exact"},
      }) +
      level_options() + picture_options();
  return options;
}

const OptionSet& detect_options() {
  static const OptionSet options({
      {"confidence", T::number, 0.001, "smallest score of a box", {}, 0, 1},
      {"iou", T::number, 0.6, "overlap above which the lesser of two boxes of a class is dropped", {}, 0, 1},
      {"max_detections", T::integer, 300, "boxes an image", {}, 1, 100000},
      {"multi_label", T::boolean, true, "a box for every class above the threshold, not for the best alone"},
      {"class_agnostic", T::boolean, false, "boxes of different classes drop each other too"},
      {"rect", T::boolean, false, "inputs as small as each image's shape allows, not square"},
  });
  return options;
}

const OptionSet& predict_options() {
  static const OptionSet options =
      detect_options().with_default("confidence", 0.25).with_default("iou", 0.45).with_default("multi_label", false) +
      OptionSet({
          {"source", T::text_list, Json::array(),
           "images, folders, patterns ('a/*.jpg') and lists of images (.txt); or one video file, stream (rtsp://...) "
           "or "
           "number of a camera (required)"},
          {"save",
           T::text_list,
           Json::array({"images"}),
           "what to write: annotated images (of a video: a video), YOLO labels with scores, one list of all objects",
           {"images", "txt", "json", "none"}},
          {"imgsz", T::integer, 0, "side that images are fitted to, in pixels; 0: the model's own", {}, 0, 8192},
          {"limit", T::integer, 0, "images or frames at most; 0: all", {}, 0, 1e12},
      });
  return options;
}

const OptionSet& bench_options() {
  static const OptionSet options({
      {"runtime", T::text_list, Json::array({"native"}), "runtimes, measured in turn"},
      {"isa",
       T::text,
       "auto",
       "instruction set of the native runtime",
       {"auto", "plain", "avx2", "avx-vnni", "avx512", "avx512-vnni", "neon", "neon-dot"}},
      {"threads", T::integer, 1, "threads of the runtime", {}, 1, 1024},
      {"min_samples", T::integer, 200, "timed runs at least", {}, 1, 1e9},
      {"min_seconds", T::number, 1.0, "seconds of timed runs at least", {}, 0, 86400},
  });
  return options;
}

}  // namespace quench::config
