#pragma once

#include <string>
#include <vector>

#include "core/json.h"
#include "devices/predicted.h"

namespace quench::study {

/// One way to run a study's models on a device that is not here: its latencies are predicted.
struct PredictionEntry {
  std::string device;
  devices::Deployment deployment;
  bool operator==(const PredictionEntry&) const = default;
};

/// The entries of a study's `predict`: a map or a list of maps, each with `device` (one or several) and, as `quench
/// devices predict` takes them, `engine`, `precision` (one or several), `runtime`, `mode`, `threads`. Without precision
/// all of fp32, fp16 (GPUs alone) and int8. Throws Error{config} naming `where` for unknown keys and values, and for
/// one entry twice.
std::vector<PredictionEntry> check_predictions(const Json& predict, const std::string& where);

}  // namespace quench::study
