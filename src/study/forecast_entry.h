#pragma once

#include <string>
#include <vector>

#include "core/json.h"
#include "devices/forecast.h"

namespace quench::study {

/// One way to run a study's models on a device that is not here: its latencies are forecast.
struct ForecastEntry {
  std::string device;
  devices::Deployment deployment;
  bool operator==(const ForecastEntry&) const = default;
};

/// The entries of a study's `forecast`: a map or a list of maps, each with `device` (one or several) and, as `quench
/// devices forecast` takes them, `engine`, `precision` (one or several), `runtime`, `mode`, `threads`. Without
/// precision all of fp32, fp16 (GPUs alone) and int8. Throws Error{config} naming `where` for unknown keys and values,
/// and for one entry twice.
std::vector<ForecastEntry> check_forecasts(const Json& forecast, const std::string& where);

}  // namespace quench::study
