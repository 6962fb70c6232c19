#pragma once

#include <string>

#include "core/json.h"

namespace quench::train {

/// What is learned from a teacher, how much, how soft: values of config::distill_options with what stands for those
/// that are not given.
struct DistillSettings {
  bool outputs = true;            ///< `logits`
  bool features = false;          ///< `features`
  double weight = 1;              ///< of each, beside the loss of the labels
  double output_temperature = 1;  ///< of class scores and box distributions
  double map_temperature = 1;     ///< of feature maps

  /// For a record and for what decides a run: `distill`, `distill_weight` and the temperatures that are used.
  Json to_json() const;
};

/// Of a task's models: scores of a classifier have temperature 4 (Hinton et al. 2015 found 2.5 to 4 best for small
/// students), all others 1, unless one is given, which is that of all.
DistillSettings distill_settings(const Json& config, const std::string& task);

}  // namespace quench::train
