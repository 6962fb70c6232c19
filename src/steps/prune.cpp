#include "prune/prune.h"

#include "steps/show_images.h"
#include "steps/step.h"

namespace quench::steps {

/// Fewer channels.
graph::Graph run_prune(const StepInput& input) {
  prune::ShowImages show;
  if (input.data) {
    show = [&](prune::ImageScores& scores) {
      return show_images(scores, input.model.graph, *input.data, input.settings, input.log, input.cancel);
    };
  }
  graph::Graph cut = prune::prune(input.model.graph, input.settings, input.log, show, input.latency);
  cut.metadata["parent_sha256"] = input.model.sha256;
  return cut;
}

}  // namespace quench::steps
