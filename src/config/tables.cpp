#include "config/tables.h"

namespace quench::config {
namespace {

using T = OptionType;

OptionSet make_train_options() {
  return OptionSet({
      {"epochs", T::integer, 30, "passes over the training images", {}, 0, 100000},
      {"batch", T::integer, 128, "images a step", {}, 1, 65536},
      {"optimizer", T::text, "sgd", "optimizer", {"sgd", "adamw"}},
      {"lr", T::number, 0.1, "peak learning rate", {}, 0, 1000},
      {"momentum", T::number, 0.9, "SGD momentum, or AdamW beta1", {}, 0, 0.99999},
      {"nesterov", T::boolean, true, "Nesterov momentum (SGD)"},
      {"weight_decay", T::number, 5e-4, "decay of conv and linear weights (not of biases and batch norm)", {}, 0, 10},
      {"schedule", T::text, "cosine", "learning rate over time", {"cosine", "linear", "constant"}},
      {"lr_final", T::number, 0.0, "learning rate at the end, as a fraction of the peak", {}, 0, 1},
      {"warmup_epochs", T::number, 1.0, "epochs of linear warm-up", {}, 0, 1000},
      {"label_smoothing", T::number, 0.1, "share of the target spread over all classes", {}, 0, 0.99},
      {"ema", T::boolean, true, "evaluate an exponential moving average of the weights"},
      {"ema_decay", T::number, 0.999, "decay of that average a step, reached gradually", {}, 0, 0.999999},
      {"clip_norm", T::number, 0.0, "largest norm of the whole gradient; 0: no clipping", {}, 0, 1e9},
      {"amp", T::boolean, false, "mixed precision (CUDA only)"},
      {"device", T::text, "cpu", "where to train: cpu, cuda, cuda:N"},
      {"threads", T::integer, 0, "intra-op threads; 0: all processors", {}, 0, 1024},
      {"workers", T::integer, 2, "data threads", {}, 0, 256},
      {"seed", T::integer, 0, "of initial weights, shuffling and augmentation", {}, 0, 4294967295.0},
      {"eval_every", T::integer, 1, "epochs between evaluations on the test split", {}, 1, 100000},
  });
}

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
      {"imgsz", T::integer, 0, "image side in pixels; 0: the model's own", {}, 0, 8192},
      {"stem_stride", T::integer, 2, "stride of the first convolution; 1 for small images", {}, 1, 2},
  });
  return options;
}

const OptionSet& train_options() {
  static const OptionSet options = make_train_options();
  return options;
}

const OptionSet& quantize_options() {
  static const OptionSet options({
      {"target", T::text, "onnxruntime", "runtime whose placement of quantizers to use", {"onnxruntime", "tensorrt"}},
      {"observer",
       T::text,
       "mse",
       "how activation ranges are picked",
       {"minmax", "moving_average", "percentile", "mse", "entropy"}},
      {"percentile", T::number, 99.99, "share of values kept by the percentile observer, in %", {}, 50, 100},
      {"weights", T::text, "per_channel", "granularity of weight scales", {"per_channel", "per_tensor"}},
      {"activations",
       T::text,
       "asymmetric",
       "activation scheme: asymmetric, or symmetric around zero",
       {"asymmetric", "symmetric"}},
      {"bits_w", T::integer, 8, "weight bits (7 where the processor's int8 dot product saturates)", {}, 2, 8},
      {"bits_a", T::integer, 8, "activation bits", {}, 2, 8},
      {"calibration_images", T::integer, 512, "training images to calibrate on", {}, 0, 1e9},
      {"calibration_seed", T::integer, 0, "of the choice of calibration images", {}, 0, 4294967295.0},
      {"float_layers", T::text_list, Json::array(),
       "layers kept in float: names, prefixes ending in '.', '*' patterns"},
  });
  return options;
}

const OptionSet& qat_options() {
  static const OptionSet options = make_train_options()
                                       .with_default("epochs", 3)
                                       .with_default("lr", 0.005)
                                       .with_default("warmup_epochs", 0.1)
                                       .with_default("weight_decay", 1e-4)
                                       .with_default("ema", true) +
                                   OptionSet({{"ranges",
                                               T::text,
                                               "learned",
                                               "activation ranges while fine-tuning: learned (LSQ) or frozen",
                                               {"learned", "frozen"}}});
  return options;
}

const OptionSet& bench_options() {
  static const OptionSet options({
      {"runtime", T::text, "onnxruntime", "runtime"},
      {"threads", T::integer, 1, "threads of the runtime", {}, 1, 1024},
      {"min_samples", T::integer, 200, "timed runs at least", {}, 1, 1e9},
      {"min_seconds", T::number, 1.0, "seconds of timed runs at least", {}, 0, 86400},
  });
  return options;
}

}  // namespace quench::config
