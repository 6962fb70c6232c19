#include "devices/forecast.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "core/text.h"

namespace quench::devices {
namespace {

/// What a float model would have in a precision. A quantized file has its own, which the record says already.
void set_bits(record::Record& record, const ModelWork& work, Precision precision) {
  if (work.quantized) return;
  const int64_t bits = 8 * bytes_of(precision);
  record.bits_w = record.bits_a = bits;
  record.bops = work.macs() * bits * bits;
  record.weights_bytes = work.weight_elements * bytes_of(precision);
}

/// What the file itself rules out, whatever the device.
Verdict file_rule(const Device& device, const Deployment& how, const ModelWork& work) {
  if (!work.quantized) return {};
  const char* precision = to_string(how.precision);
  if (how.precision != Precision::int8) {
    return {false, fmt::format("the file is int8; precision {} needs the float model", precision)};
  }
  if (how.engine != Engine::gpu || work.symmetric_int8) return {};
  return {false, fmt::format("{} on {}'s GPU: unsupported (the file is quantized for {}; use --target tensorrt)",
                             title_of(how.precision), device.name, work.target.empty() ? "others" : work.target)};
}

void set_unsupported(record::Record& record, const std::string& reason) {
  record.status = "unsupported";
  record.reason = reason;
}

}  // namespace

std::vector<Precision> precisions_of(const ModelWork& work) {
  if (work.quantized) return {Precision::int8};
  return {Precision::fp32, Precision::fp16, Precision::int8};
}

std::string preferred_runtime(const LatencyFit& fit, const Device& device, Engine engine, Precision precision) {
  const std::string otherwise = default_runtime(engine, precision);
  if (engine != Engine::gpu) return otherwise;
  const RuntimeFit* most = nullptr;
  for (const RuntimeFit& entry : fit.fits) {
    if (entry.engine != engine || entry.device != device.name) continue;
    if (std::ranges::count(entry.precisions, to_string(precision)) == 0) continue;
    if (!most || entry.anchors > most->anchors) most = &entry;
  }
  return !most || most->runtime == "tensorrt" ? otherwise : most->runtime;
}

void require_known(const LatencyFit& fit, const Device& device, const Deployment& deployment) {
  std::vector<std::string> names = known_runtimes();
  for (const RuntimeFit& entry : fit.fits) {
    if (std::ranges::count(names, entry.runtime) == 0) names.push_back(entry.runtime);
  }
  const std::string& runtime = deployment.runtime;
  if (!runtime.empty() && std::ranges::count(names, runtime) == 0) {
    fail(ErrorKind::config, "unknown runtime '{}'{}", runtime, suggestion(runtime, names));
  }
  device.mode(deployment.mode);
  if (deployment.engine == Engine::cpu) used_threads(device, deployment.mode, deployment.threads);
}

void set_forecast(record::Record& record, const LatencyFit& fit, const Device& device, const Deployment& deployment,
                  const ModelWork& work) {
  const PowerMode mode = device.mode(deployment.mode);
  const bool cpu = deployment.engine == Engine::cpu;
  const std::string runtime = deployment.runtime.empty()
                                  ? preferred_runtime(fit, device, deployment.engine, deployment.precision)
                                  : deployment.runtime;
  const bool full = device.power_modes.empty() || mode.name == device.power_modes.front().name;
  record.device = full ? device.name : fmt::format("{} ({})", device.name, mode.name);
  record.runtime = runtime;
  set_bits(record, work, deployment.precision);
  record.config["engine"] = to_string(deployment.engine);
  record.config["precision"] = to_string(deployment.precision);
  if (!mode.name.empty()) record.config["mode"] = mode.name;

  Verdict verdict =
      capability(device, {deployment.engine, runtime, deployment.precision, memory_need(work, deployment.precision),
                          has_runtime(fit, deployment.engine, runtime)});
  if (verdict.supported) verdict = file_rule(device, deployment, work);
  if (!verdict.supported) return set_unsupported(record, verdict.reason);
  try {
    const Machine machine = machine_of(device, deployment.engine, mode.name, deployment.threads);
    if (cpu) record.threads = machine.threads;
    const Forecast forecast = forecast_latency(fit, device, machine, runtime, work, deployment.precision);
    record.latency_p50_ns = forecast.latency_ns;
    record.latency_source = "forecast";
    record.latency_low_ns = forecast.low_ns;
    record.latency_high_ns = forecast.high_ns;
    record.config["evidence"] = forecast.evidence;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::unsupported) throw;
    set_unsupported(record, error.what());
  }
}

}  // namespace quench::devices
