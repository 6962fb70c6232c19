#include "prune/sparsify.h"

#include "steps/show_images.h"
#include "steps/step.h"

namespace quench::steps {

/// Zeros among the weights.
graph::Graph run_sparsify(const StepInput& input) {
  graph::Graph sparse = prune::sparsify(input.model.graph, input.settings, input.log, shows_data_of(input));
  sparse.metadata["parent_sha256"] = input.model.sha256;
  return sparse;
}

}  // namespace quench::steps
