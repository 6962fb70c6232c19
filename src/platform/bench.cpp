#include "platform/bench.h"

#include <algorithm>

#include "platform/measured.h"
#include "platform/watch.h"

namespace quench::platform {
namespace {

/// `options` with the watch on from the end of the warm-up to the last sample.
runtime::MeasureOptions watched(runtime::MeasureOptions options, Watch& watch, Conditions& conditions) {
  options.before_samples = [&watch] { watch.begin(); };
  options.after_samples = [&] { conditions = watch.end(); };
  return options;
}

std::optional<double> energy_of_one(const runtime::Measurement& measurement, const Conditions& conditions) {
  if (!conditions.power_mean_mw || measurement.latency.samples == 0) return std::nullopt;
  return *conditions.power_mean_mw * measurement.seconds / static_cast<double>(measurement.latency.samples);
}

Benched bench_alone(runtime::Session& session, const Tensor& input, const runtime::MeasureOptions& options,
                    const CancelToken& cancel, const std::filesystem::path& root) {
  Watch watch(root);
  Benched benched;
  benched.measurement = runtime::measure(session, input, watched(options, watch, benched.conditions), cancel);
  benched.energy_mj = energy_of_one(benched.measurement, benched.conditions);
  return benched;
}

/// Takes power and energy from a run of its own.
void add_energy(Benched& benched, const Benched& alone) {
  benched.energy_mj = alone.energy_mj;
  benched.conditions.power_mean_mw = alone.conditions.power_mean_mw;
  benched.conditions.power_max_mw = alone.conditions.power_max_mw;
  benched.conditions.power_source = alone.conditions.power_source;
}

}  // namespace

std::vector<Benched> bench(const std::vector<runtime::Session*>& sessions, const std::vector<Tensor>& inputs,
                           const runtime::MeasureOptions& options, const CancelToken& cancel,
                           const std::filesystem::path& root) {
  if (sessions.size() == 1) return {bench_alone(*sessions[0], inputs.at(0), options, cancel, root)};
  Watch watch(root);
  Conditions together;
  const auto measured = runtime::measure_interleaved(sessions, inputs, watched(options, watch, together), cancel);
  const bool metered = together.power_source.has_value();
  together.power_mean_mw = together.power_max_mw = std::nullopt;
  together.power_source.reset();
  runtime::MeasureOptions alone = options;
  alone.min_samples = 1;
  alone.max_warm_up_seconds = std::min(options.max_warm_up_seconds, options.min_seconds / 4);
  std::vector<Benched> result;
  for (size_t i = 0; i < sessions.size(); ++i) {
    result.push_back({measured[i], together, std::nullopt});
    if (metered) add_energy(result.back(), bench_alone(*sessions[i], inputs[i], alone, cancel, root));
  }
  return result;
}

void set_bench(record::Record& record, const Benched& benched) {
  set_latency(record, benched.measurement.latency);
  const Conditions& conditions = benched.conditions;
  record.energy_mj = benched.energy_mj;
  record.power_mean_mw = conditions.power_mean_mw;
  record.power_max_mw = conditions.power_max_mw;
  record.power_source = conditions.power_source;
  record.temperature_start_c = conditions.temperature_start_c;
  record.temperature_end_c = conditions.temperature_end_c;
  record.frequency_min_mhz = conditions.frequency_min_mhz;
  record.frequency_mean_mhz = conditions.frequency_mean_mhz;
  record.throttled = conditions.throttled;
}

}  // namespace quench::platform
