#include "quant/quantize.h"

#include "steps/step.h"

namespace quench::steps {

/// Places quantizers, calibrates, and chooses the scales of weights, which stay in float until `convert`.
graph::Graph run_quantize(const StepInput& input) {
  quant::Prepared made = quant::prepare(input.model.graph, *input.data, input.settings, input.log, input.cancel);
  made.graph.metadata["parent_sha256"] = input.model.sha256;
  return std::move(made.graph);
}

/// The integers that run.
graph::Graph run_convert(const StepInput& input) { return quant::convert(input.model.graph); }

}  // namespace quench::steps
