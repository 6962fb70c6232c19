#include <memory>

#include "agent/answer.h"
#include "agent/commands.h"
#include "core/clock.h"
#include "platform/layer_times.h"
#include "platform/measured.h"
#include "runtime/registry.h"

namespace quench::agent {

int run_layers(const program::Invocation& invocation, const program::Environment& environment) {
  const Json options = settings_of(invocation);
  const std::string& file = invocation.inputs.front();
  const std::vector<platform::LayerWidths> all = platform::layer_widths_from(read_json(file), file);
  const runtime::Registry registry = runtime::base_registry(environment.places);
  platform::LayerTiming timing;
  timing.threads = options["threads"];

  record::Record record;
  record.cell = file;
  record.runtime = options["runtime"];
  record.threads = options["threads"].get<int64_t>();
  platform::set_host(record, environment.version);
  record.device = options["device"];
  Json times = Json::array();
  const auto total = static_cast<int64_t>(all.size());
  const int64_t start_ns = now_ns();
  attempt(record, environment.log, [&] {
    const runtime::Runtime& runtime = registry.require(options["runtime"]);
    times = platform::time_layers(all, runtime, timing, *environment.cancel, [&](size_t done) {
      environment.log.show_step({"layers", static_cast<int64_t>(done), total, seconds_since(start_ns), "layers"});
    });
  });
  if (record.status == "ok") record.config["layer_times_ns"] = std::move(times);
  answer(record, options);
  return record.status == "ok" ? program::kOk : program::kCellFailed;
}

}  // namespace quench::agent
