#include "platform/bench.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

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

/// Those of the sessions that `in_turn` names, into their places of `result`.
void bench_in_turn(const std::vector<size_t>& in_turn, const std::vector<runtime::Session*>& sessions,
                   const std::vector<Tensor>& inputs, const runtime::MeasureOptions& options, const CancelToken& cancel,
                   const std::filesystem::path& root, std::vector<Benched>& result) {
  std::vector<runtime::Session*> running;
  std::vector<Tensor> images;
  for (const size_t i : in_turn) {
    running.push_back(sessions[i]);
    images.push_back(inputs.at(i));
  }
  Watch watch(root);
  Conditions together;
  const auto measured = runtime::measure_interleaved(running, images, watched(options, watch, together), cancel);
  const bool metered = together.power_source.has_value();
  together.power_mean_mw = together.power_max_mw = std::nullopt;
  together.power_source.reset();
  runtime::MeasureOptions alone = options;
  alone.min_samples = 1;
  alone.max_warm_up_seconds = std::min(options.max_warm_up_seconds, options.min_seconds / 4);
  for (size_t k = 0; k < in_turn.size(); ++k) {
    Benched& benched = result[in_turn[k]];
    benched = {measured[k], together, std::nullopt};
    if (metered) add_energy(benched, bench_alone(*running[k], images[k], alone, cancel, root));
  }
}

}  // namespace

std::vector<Benched> bench(const std::vector<runtime::Session*>& sessions, const std::vector<Tensor>& inputs,
                           const runtime::MeasureOptions& options, const CancelToken& cancel,
                           const std::filesystem::path& root) {
  std::vector<Benched> result(sessions.size());
  std::vector<size_t> in_turn;
  for (size_t i = 0; i < sessions.size(); ++i) {
    if (!sessions[i]->times_itself()) in_turn.push_back(i);
  }
  if (in_turn.size() == 1) in_turn.clear();
  for (size_t i = 0; i < sessions.size(); ++i) {
    const bool alone = std::ranges::find(in_turn, i) == in_turn.end();
    if (alone) result[i] = bench_alone(*sessions[i], inputs.at(i), options, cancel, root);
  }
  if (!in_turn.empty()) bench_in_turn(in_turn, sessions, inputs, options, cancel, root, result);
  return result;
}

void tell_conditions(const Conditions& conditions, const LogSink& log) {
  if (!conditions.missing.empty()) log.info(fmt::format("not measured: {}", fmt::join(conditions.missing, ", ")));
  for (const std::string& sign : conditions.throttled_by) log.warning("throttled: " + sign);
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
