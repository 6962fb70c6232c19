#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/json.h"
#include "devices/latency.h"

namespace quench::devices {

/// Factors of one runtime on one engine: of a device that anchors name, or of devices in general.
struct RuntimeFit {
  std::string device;  ///< empty: for devices without anchors of their own
  Engine engine = Engine::cpu;
  std::string runtime;
  Factors factors{};
  /// 90 % of |ln(forecast / measured)| stayed below it in cross-validation: leaving out models where `device` is
  /// named, devices else. At least ln 2 where nothing could be left out.
  double error = 0;
  int64_t anchors = 0;                  ///< that the factors were fitted to
  std::vector<std::string> precisions;  ///< of those anchors
};

/// The fitted parameters as they are stored beside the device files.
struct LatencyFit {
  std::string command;               ///< that made it
  std::vector<std::string> anchors;  ///< files fitted to, with their SHA-256
  std::vector<RuntimeFit> fits;
};

/// One entry for each device, engine and runtime that either has: that of `first`, else that of `rest`. Of two for
/// devices in general it is the one fitted to more latencies, for a few of one device tell little of others.
LatencyFit merged(LatencyFit first, const LatencyFit& rest);

/// Whether latencies of a runtime on an engine were fitted, of whatever device.
bool has_runtime(const LatencyFit& fit, Engine engine, const std::string& runtime);

/// Checks a fit's file. Throws Error{config} naming `where` for unknown keys, wrong types, values out of range.
LatencyFit fit_from(const Json& content, const std::string& where);

/// The same as YAML.
std::string to_yaml(const LatencyFit& fit);

/// A latency that nobody measured.
struct Forecast {
  int64_t latency_ns = 0;
  int64_t low_ns = 0;  ///< 90 % interval, from the errors of cross-validation
  int64_t high_ns = 0;
  std::string evidence;  ///< what it rests on, for people
};

/// Forecasts one image's latency. Factors: of device and runtime, else of the runtime on any device, else, on CPUs, of
/// ONNX Runtime on any device (then, and where no anchor has the precision, the interval is squared: twice as wide in
/// logarithms). Throws Error{unsupported} where a figure of the device or a fit is missing.
Forecast forecast_latency(const LatencyFit& fit, const Device& device, const Machine& machine,
                          const std::string& runtime, const ModelWork& work, Precision precision);

}  // namespace quench::devices
