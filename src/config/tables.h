#pragma once

#include "config/option.h"

namespace quench::config {

/// Which data, where, how many.
const OptionSet& data_options();
/// Classification augmentation, each on its switch.
const OptionSet& augment_options();
/// Which model: name, image size, stem stride.
const OptionSet& model_options();
/// Optimizer, schedule, EMA, precision, device, seed.
const OptionSet& train_options();
/// Observer, granularity, schemes, target, calibration.
const OptionSet& quantize_options();
/// QAT fine-tuning: epochs, learning rate, ranges.
const OptionSet& qat_options();
/// Runtime, threads, samples.
const OptionSet& bench_options();

}  // namespace quench::config
