#include "quant/quantize.h"

#include "config/activation_scales.h"
#include "config/tables.h"
#include "core/error.h"
#include "graph/quantized.h"
#include "quant/without_quantizers.h"
#include "steps/calibration_pictures.h"
#include "steps/step.h"

namespace quench::steps {

namespace {

/// The float model of the step. A model with fake-quantizers is one too: its floats are quantized anew.
graph::Graph floats_of(const StepInput& input) {
  const graph::Graph& given = input.model.graph;
  if (!graph::is_quantized(given)) return given;
  const auto target = given.metadata.find("target");
  const std::string wanted = input.settings.at("target");
  if (target != given.metadata.end() && target->second != wanted) {
    fail(ErrorKind::config,
         "[steps.quantize] expected the target '{}', for which the model was quantized before, got '{}'",
         target->second, wanted);
  }
  return quant::without_quantizers(given);
}

}  // namespace

/// Places quantizers, calibrates, and chooses the scales of weights, which stay in float until `convert`.
graph::Graph run_quantize(const StepInput& input) {
  const graph::Graph model = floats_of(input);
  const bool looks = config::quantize_looks_at_images(input.settings);
  if (is_shared(input.shards) && input.settings.value("pictures", "data") == "distilled") {
    fail(ErrorKind::config,
         "quantize: expected `pictures` that are not distilled with several processes: each would distil its own (make "
         "the model in one process)");
  }
  const data::Splits pictures = looks ? calibration_pictures(input, model, kMostDistilled) : data::Splits{};
  quant::Prepared made = quant::prepare(model, pictures, input.settings, input.log, input.cancel, input.shards);
  if (!config::reads_pictures_of_data(input.settings)) {
    made.graph.metadata["calibration_pictures"] = input.settings.at("pictures").get<std::string>();
  }
  made.graph.metadata["parent_sha256"] = input.model.sha256;
  return std::move(made.graph);
}

/// The integers that run.
graph::Graph run_convert(const StepInput& input) { return quant::convert(input.model.graph); }

}  // namespace quench::steps
