#include "prune/split_channels.h"

#include <fmt/format.h>

#include "core/text.h"
#include "metrics/cost.h"
#include "steps/step.h"

namespace quench::steps {

/// Outlier channel splitting, before quantize.
graph::Graph run_split_channels(const StepInput& input) {
  const graph::Graph& given = input.model.graph;
  prune::SplitChannels made = prune::split_channels(given, input.settings.at("ratio").get<double>(),
                                                    input.settings.at("protect").get<std::vector<std::string>>());
  input.log.info(fmt::format("split_channels: {} of {} are there twice, {:.4g} GFLOPs (before: {:.4g})",
                             counted(made.channels, "channel"), counted(made.groups, "group"),
                             metrics::cost(made.graph).gflops, metrics::cost(given).gflops));
  made.graph.metadata["parent_sha256"] = input.model.sha256;
  return std::move(made.graph);
}

}  // namespace quench::steps
