#include "agent/timing.h"

#include "agent/answer.h"
#include "core/clock.h"

namespace quench::agent {

void time_all(std::vector<platform::BenchEntry>& all, const runtime::Registry& registry, const Json& options,
              const LogSink& log, const CancelToken& cancel) {
  platform::BenchSetOptions set;
  set.measure = {.min_samples = options["min_samples"].get<int64_t>(),
                 .min_seconds = options["min_seconds"].get<double>(),
                 .max_warm_up_seconds = options["max_warm_up_seconds"].get<double>()};
  set.failed = [&](size_t i, const Error&) { attempt(*all[i].record, log, [] { throw; }); };
  const auto total = static_cast<int64_t>(all.size());
  const int64_t start_ns = now_ns();
  log.show_step({"bench", 0, total, 0, "models"});
  platform::bench_set(all, registry, set, log, cancel);
  log.show_step({"bench", total, total, seconds_since(start_ns), "models"});
}

}  // namespace quench::agent
