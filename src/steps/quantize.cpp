#include "quant/quantize.h"

#include "config/tables.h"
#include "steps/calibration_pictures.h"
#include "steps/step.h"

namespace quench::steps {

/// Places quantizers, calibrates, and chooses the scales of weights, which stay in float until `convert`.
graph::Graph run_quantize(const StepInput& input) {
  const data::Splits pictures = calibration_pictures(input, input.model.graph, kMostDistilled);
  quant::Prepared made = quant::prepare(input.model.graph, pictures, input.settings, input.log, input.cancel);
  if (!config::reads_pictures_of_data(input.settings)) {
    made.graph.metadata["calibration_pictures"] = input.settings.at("pictures").get<std::string>();
  }
  made.graph.metadata["parent_sha256"] = input.model.sha256;
  return std::move(made.graph);
}

/// The integers that run.
graph::Graph run_convert(const StepInput& input) { return quant::convert(input.model.graph); }

}  // namespace quench::steps
