#pragma once

#include <string>
#include <vector>

#include "devices/capability.h"
#include "devices/latency_fit.h"
#include "record/record.h"

namespace quench::devices {

/// How a model runs on a device.
struct Deployment {
  Engine engine = Engine::cpu;
  std::string runtime;  ///< "": preferred_runtime()
  Precision precision = Precision::fp32;
  std::string mode;     ///< power mode; "": the device's first
  int64_t threads = 0;  ///< of CPUs; 0: all cores
  bool operator==(const Deployment&) const = default;
};

/// What is worth a forecast where nobody asks for a precision: int8 for a quantized model, else all.
std::vector<Precision> precisions_of(const ModelWork& work);

/// What runs where no runtime is named: on a GPU the one that most latencies of the device in the precision were fitted
/// of (fits name TensorRT's library `tensorrt` in every precision), else default_runtime().
std::string preferred_runtime(const LatencyFit& fit, const Device& device, Engine engine, Precision precision);

/// Before any work: throws Error{config} for a runtime that neither the rules nor the fit know (naming the nearest),
/// for a power mode that the device does not have, and for more CPU threads than it has cores.
void require_known(const LatencyFit& fit, const Device& device, const Deployment& deployment);

/// Sets device ("jetson-nano", or "jetson-nano (5W)" in another power mode than its first), runtime, threads and, in
/// `config`, engine, precision, power mode and evidence; then the forecast latency with its interval and
/// `latency_source: forecast`. Bits, bops and weights_bytes of a float model become the precision's; a quantized file's
/// (platform::set_model) are left as they are. Where the device cannot run it (capability), the file is not what the
/// precision or the runtime needs, or a figure for the forecast is missing, status `unsupported` with the reason.
/// Throws Error{config} for an unknown mode and too many threads.
void set_forecast(record::Record& record, const LatencyFit& fit, const Device& device, const Deployment& deployment,
                  const ModelWork& work);

}  // namespace quench::devices
