#include "platform/bench_set.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace quench::platform {
namespace {

/// The session of an entry, which has run once, and its input. Throws what its parts throw.
Tensor open(BenchEntry& entry, const runtime::Registry& registry) {
  const Tensor image = entry.image ? entry.image() : runtime::noise_image(entry.model->graph);
  std::unique_ptr<runtime::Session> session = std::move(entry.session);
  if (!session) session = registry.require(entry.runtime).load(*entry.model, entry.options);
  Tensor input = runtime::to_input(image, session->input_dtype());
  if (!session->times_itself()) session->run(input);
  entry.session = std::move(session);
  return input;
}

/// Median of a short measurement of one session alone.
double short_median_ns(runtime::Session& session, const Tensor& input, const runtime::MeasureOptions& full,
                       const CancelToken& cancel) {
  runtime::MeasureOptions options = full;
  options.min_samples = std::max<int64_t>(1, full.min_samples / 4);
  options.min_seconds = full.min_seconds / 4;
  options.max_warm_up_seconds = std::min(full.max_warm_up_seconds, full.min_seconds / 4);
  return static_cast<double>(runtime::measure(session, input, options, cancel).latency.p50_ns);
}

}  // namespace

BenchSet bench_set(std::vector<BenchEntry>& entries, const runtime::Registry& registry, const BenchSetOptions& options,
                   const LogSink& log, const CancelToken& cancel, const std::filesystem::path& root) {
  BenchSet result;
  result.benched.resize(entries.size());
  std::vector<Tensor> inputs(entries.size());
  std::vector<size_t> in_turn, alone;
  const auto failed = [&](size_t i, const Error& error) {
    if (!options.failed) throw;
    options.failed(i, error);
  };
  for (size_t i = 0; i < entries.size(); ++i) {
    const bool told_before = entries[i].session != nullptr;
    try {
      inputs[i] = open(entries[i], registry);
      if (options.opened) options.opened(i);
    } catch (const Error& error) {
      failed(i, error);
      continue;
    }
    (entries[i].session->times_itself() ? alone : in_turn).push_back(i);
    if (!options.tell || told_before) continue;
    for (const std::string& note : entries[i].session->notes()) log.info(entries[i].name + ": " + note);
  }

  const auto time = [&](const std::vector<size_t>& some) {
    if (some.empty()) return;
    try {
      std::vector<runtime::Session*> sessions;
      std::vector<Tensor> images;
      for (const size_t i : some) {
        sessions.push_back(entries[i].session.get());
        images.push_back(inputs[i]);
      }
      const bool drift = options.drift && !sessions[0]->times_itself();
      const double before = drift ? short_median_ns(*sessions[0], images[0], options.measure, cancel) : 0;
      const std::vector<Benched> benched = bench(sessions, images, options.measure, cancel, root);
      if (drift && before > 0) {
        result.drift = short_median_ns(*sessions[0], images[0], options.measure, cancel) / before - 1;
      }
      for (size_t k = 0; k < some.size(); ++k) result.benched[some[k]] = benched[k];
    } catch (const Error& error) {
      for (const size_t i : some) failed(i, error);
    }
  };
  for (const size_t i : alone) time({i});
  time(in_turn);

  bool told = false;
  for (size_t i = 0; i < entries.size(); ++i) {
    if (!result.benched[i]) continue;
    const Benched& benched = *result.benched[i];
    Conditions conditions = benched.conditions;  // those in turn have the same: said once
    if (!options.tell) conditions.missing.clear();
    if (!told) tell_conditions(conditions, log);
    told = true;
    if (entries[i].record != nullptr) set_bench(*entries[i].record, benched);
    if (benched.measurement.stable) continue;
    result.stable = false;
    if (options.tell) log.warning(entries[i].name + ": latency not stable after warm-up");
  }
  if (result.drift && std::abs(*result.drift) > kDriftLimit) {
    result.stable = false;
    log.warning(
        fmt::format("the machine's speed drifted while latencies were measured: the first model took {:+.1f} % "
                    "at the end",
                    100 * *result.drift));
  }
  return result;
}

}  // namespace quench::platform
