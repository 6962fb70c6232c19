#include "prune/prune.h"

#include "steps/show_images.h"
#include "steps/step.h"

namespace quench::steps {

/// Fewer channels.
graph::Graph run_prune(const StepInput& input) {
  graph::Graph cut = prune::prune(input.model.graph, input.settings, input.log, shows_data_of(input), input.latency);
  cut.metadata["parent_sha256"] = input.model.sha256;
  return cut;
}

}  // namespace quench::steps
