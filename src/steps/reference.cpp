#include "steps/reference.h"

#include "core/error.h"
#include "data/sets/find.h"
#include "graph/quantized.h"
#include "quant/float_weights.h"
#include "quant/without_quantizers.h"
#include "weights/model_file.h"

namespace quench::steps {

graph::Graph float_reference(const StepInput& input) {
  if (input.settings.contains("reference")) {
    const std::string name = input.settings["reference"];
    try {
      return weights::read_model_file(data::find_file(name, input.data_root), {}, input.log).graph;
    } catch (const Error& error) {
      fail(ErrorKind::config, "[steps.reference] expected a model file for 'reference', got '{}': {}", name,
           error.what());
    }
  }
  if (input.unquantized == nullptr) {
    fail(ErrorKind::config,
         "[steps.reference] expected the float model that was quantized, got none: name its file by 'reference'");
  }
  const graph::Graph& given = input.unquantized->graph;
  return graph::is_quantized(given) ? quant::without_quantizers(given) : given;  // quantized for a second time
}

graph::Graph in_floats(const StepInput& input) {
  return kind_of(input.model.graph).integers ? quant::with_float_weights(input.model.graph) : input.model.graph;
}

}  // namespace quench::steps
