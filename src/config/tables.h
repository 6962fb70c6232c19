#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/option.h"
#include "core/task.h"

namespace quench::config {

/// Which data, where, how many.
const OptionSet& data_options();
/// Augmentation, each on its switch; what is for detection alone says so.
const OptionSet& augment_options();
/// Which model: name, image size, stem stride.
const OptionSet& model_options();
/// Optimizer, schedule, EMA, precision, device, seed. task: one of core/task_list.h, else Error{config}; the names are
/// the same for all, some defaults are not.
const OptionSet& train_options(std::string_view task = default_task());
/// All that a training takes: train_options and augment_options.
const OptionSet& fit_options(std::string_view task = default_task());

/// What a setting of train_options is to the work after the training.
enum class TrainScope {
  own,      ///< a later fine-tuning has its own
  kept,     ///< a later fine-tuning keeps it, unless it is told otherwise
  machine,  ///< kept too, and of no matter to the result: a training that was stopped may go on under another
};
/// Names of the settings of a scope, in table order.
std::vector<std::string> train_settings(TrainScope scope);

/// Observer, granularity, schemes, target, calibration.
const OptionSet& quantize_options();
/// Non-uniform levels of weights, and scales that are powers of two: settings of quantize_options; optional.
const OptionSet& level_options();
/// Whether such levels ("pot", "apot", "kmeans") are defined, and differ from uniform ones, for weights of so many
/// bits.
bool has_levels(std::string_view levels, int bits);
/// Throws Error{config} naming `where` for `levels` at a `bits_w` or for a `target` that cannot have them.
void require_levels(const Json& settings, std::string_view where);
/// QAT fine-tuning: epochs, learning rate, ranges. task: as train_options.
const OptionSet& qat_options(std::string_view task = default_task());
/// How quantizers of weights and activations train, beside `ranges`. All are optional, and for quantized models alone.
const OptionSet& quantizer_options();
/// Throws Error{config} naming `where` for settings of quantizer_options that contradict one another or `ranges`.
void require_quantizers(const Json& settings, std::string_view where);

/// Throws Error{config} for a `precision` that a model with simulated quantization cannot be trained in.
void require_digits(const Json& settings, std::string_view where);
/// Weights of fewer bits learn their scales in a fine-tuning that does not say otherwise; those of more follow.
inline constexpr int kNarrowBits = 7;
/// Whether a fine-tuning says nothing else of the scales of weights.
bool learns_narrow_weights(const Json& finetune);
/// Distillation: the teacher, what is compared, weight and temperature. All are optional.
const OptionSet& distill_options();
/// The teacher that is the model that the steps begin with.
inline constexpr const char* kOriginalTeacher = "original";
/// Throws Error{config} where settings of distill_options are given without a teacher.
void require_teacher(const Json& settings, std::string_view where);
/// How a task's raw outputs are read when a model is evaluated; no setting at all for classifiers.
const OptionSet& evaluate_options(std::string_view task);
/// Structured pruning: criterion, how groups compare, how much, what stays.
const OptionSet& prune_options();
/// Whether a `criterion` of prune_options looks at training images; the others read weights alone.
bool criterion_reads_images(std::string_view criterion);
/// The budget of prune_options that is set: "ratio", "target_gflops", "target_params", "target_bytes" or
/// "target_latency". Throws Error{config} naming `where` unless it is just one, and for settings of latency without
/// target_latency.
std::string prune_budget(const Json& settings, std::string_view where = "[prune]");
/// What `target_latency` is of.
struct LatencySettings {
  std::string device;   ///< "host", "ssh://user@host:port", or a device file's name
  std::string runtime;  ///< "native"
  int64_t threads = 1;
  std::string precision;  ///< "fp32" or "int8"
  bool score_per_time = false;
};
/// What a text of `target_latency` asks for: "12ms", "800us", "1.5s", "0.7x", a share of the model's, or "0.7x original",
/// a share of what the model took before the rounds of pruning that it is in.
struct LatencyTarget {
  double value = 0;  ///< ns, or the share
  bool share = false;
  bool of_original = false;  ///< the share
};
/// Throws Error{config} naming `where` for another form, also for a number without unit, for what is not above 0 or not
/// finite, and for a share of 1 or more.
LatencyTarget latency_target(const std::string& text, std::string_view where);
/// Of effective settings of prune_options, which hold what was given alone.
LatencySettings latency_settings(const Json& settings);
/// Zeros among weights: pattern, share, what competes, what stays.
const OptionSet& sparsify_options();
/// Channels that are made twice before quantization: how many, what stays.
const OptionSet& split_channels_options();
/// Which pictures take the place of training images where a quantized model is calibrated or refined; optional.
const OptionSet& picture_options();
/// Whether settings with picture_options look at training images.
bool reads_pictures_of_data(const Json& settings);
/// Correction of the biases of a quantized model: how, on which images.
const OptionSet& correct_bias_options();
/// Learned rounding: iterations, samples, learning rate, images.
const OptionSet& adaround_options();
/// What is measured of each layer, under which quantization: `quench sensitivity`.
const OptionSet& sensitivity_options();
/// What each layer may have, and the goal: `assign_bits`.
const OptionSet& assign_bits_options();
/// The goal of assign_bits_options that is set: "max_loss", "target_bytes", "target_bops" or "target_latency". Throws
/// Error{config} naming `where` unless it is just one, and for widths that leave nothing to choose.
std::string assign_bits_goal(const Json& settings, std::string_view where);
/// Of `repeat` in a study's chain, beside its `steps`: rounds and schedule.
const OptionSet& repeat_options();
/// How boxes are read from a detector's outputs, and images fitted: thresholds, NMS, rectangular inputs.
const OptionSet& detect_options();
/// detect_options with the thresholds that show people what was found (YOLOv5's own), and where images come from, what
/// is written, how many.
const OptionSet& predict_options();
/// Runtime, threads, samples.
const OptionSet& bench_options();

}  // namespace quench::config
