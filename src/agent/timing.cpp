#include "agent/timing.h"

#include "core/clock.h"
#include "platform/bench.h"

namespace quench::agent {

void time_all(const std::vector<Timed>& all, const Json& options, const LogSink& log, const CancelToken& cancel) {
  if (all.empty()) return;
  std::vector<runtime::Session*> sessions;
  std::vector<Tensor> inputs;
  for (const Timed& one : all) {
    sessions.push_back(one.session);
    inputs.push_back(runtime::to_input(one.image, one.session->input_dtype()));
  }
  const runtime::MeasureOptions measuring{.min_samples = options["min_samples"].get<int64_t>(),
                                          .min_seconds = options["min_seconds"].get<double>(),
                                          .max_warm_up_seconds = options["max_warm_up_seconds"].get<double>()};
  const auto total = static_cast<int64_t>(all.size());
  const int64_t start_ns = now_ns();
  log.show_step({"bench", 0, total, 0, "models"});
  const std::vector<platform::Benched> measured = platform::bench(sessions, inputs, measuring, cancel);
  platform::tell_conditions(measured.front().conditions, log);
  for (size_t i = 0; i < all.size(); ++i) {
    record::Record& record = *all[i].record;
    platform::set_bench(record, measured[i]);
    if (!measured[i].measurement.stable) log.warning(fmt::format("{}: latency not stable after warm-up", *record.cell));
  }
  log.show_step({"bench", total, total, static_cast<double>(now_ns() - start_ns) * 1e-9, "models"});
}

}  // namespace quench::agent
