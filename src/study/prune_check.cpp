#include "study/prune_check.h"

#include <algorithm>
#include <set>

#include "core/error.h"
#include "core/hash.h"
#include "core/without_place.h"
#include "prune/prune.h"

namespace quench::study {

void check_prunings(const StudyFile& study, const std::vector<Cell>& cells, const Records& known, ModelGraphs& graphs,
                    const prune::LatencyOf& latency) {
  if (graphs.classes().empty()) return;
  std::set<std::string> checked;  // by entry and settings
  for (const Cell& cell : cells) {
    if (const auto found = known.find(cell.id); found != known.end() && found->second.status == "ok") continue;
    const auto step = std::ranges::find(cell.steps, "prune", &PlannedStep::step);
    if (step == cell.steps.end() || !checked.insert(cell.model.label + canonical_text(step->settings)).second) continue;
    try {
      prune::require_reachable(graphs.of(cell.model), step->settings, latency);
    } catch (const Error& error) {
      const bool times = step->settings.contains("target_latency");
      // A board that is away now may be there when it is needed.
      if (times && (error.kind() == ErrorKind::io || error.kind() == ErrorKind::unsupported)) continue;
      fail(error.kind(), "{}.methods, {} of {}: {}", study.name, cell.method.method, cell.model.label,
           without_place(error.what()));
    }
  }
}

}  // namespace quench::study
