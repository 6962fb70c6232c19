#include "study/cell_record.h"

#include <cmath>

#include "core/processors.h"
#include "core/task.h"
#include "platform/measured.h"
#include "stats/estimate.h"
#include "stats/figures.h"

namespace quench::study {

record::Record start_record(const StudyFile& study, const Cell& cell, const std::string& version,
                            const std::optional<std::string>& host) {
  record::Record record;
  record.study = study.name;
  record.cell = cell.id;
  record.model = cell.model.model["model"];
  record.entry = cell.model.label;
  record.task = study.task;
  record.data = study.data["data"];
  record.method = cell.method.method;
  if (!cell.method.setting.empty()) record.setting = cell.method.setting;
  std::vector<methods::ChainStep> steps;
  for (const PlannedStep& step : cell.steps) steps.push_back({step.step, step.settings});
  const methods::Bits bits = methods::bits_of(steps);
  record.bits_w = bits.weights;
  record.bits_a = bits.activations;
  record.runtime = cell.runtime;
  record.threads = cell.threads;
  record.seed = cell.seed;
  if (host) {
    record.host = host;
    record.quench_version = version;
  } else {
    platform::set_host(record, version);
  }
  record.device = cell.device.name;
  record.config = cell.config;
  return record;
}

void set_map_interval(record::Record& record, const std::optional<metrics::Outcomes>& outcomes) {
  if (!outcomes || outcomes->boxes.images == 0 || !record.map_50_95) return;
  const auto figures = stats::figure_replicates(*outcomes, usable_processors());
  const stats::Estimate map = stats::mean_of({&figures.at("map_50_95"), 1});
  if (std::isnan(map.low) || std::isnan(map.high)) return;
  record.map_50_95_low = map.low;
  record.map_50_95_high = map.high;
}

void set_scores(record::Record& record, const score::Evaluation& real, const score::Evaluation& simulated) {
  platform::set_scores(record, real.scores, real.samples);
  set_map_interval(record, real.outcomes);
  if (!real.left_out.empty()) {
    record.left_out = static_cast<int64_t>(real.left_out.size());
    record.left_out_first = real.left_out.front().name;
  }
  record.agreement = score::agreement(real, simulated);
}

}  // namespace quench::study
