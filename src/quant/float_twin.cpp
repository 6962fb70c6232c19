#include "quant/float_twin.h"

#include "core/error.h"
#include "graph/passes.h"
#include "graph/quantized.h"

namespace quench::quant {

graph::Graph float_twin(const graph::Graph& quantized, const graph::Graph& float_model) {
  if (graph::is_quantized(float_model)) {
    fail(ErrorKind::config, "[quant.float_twin] expected the float model that was quantized, got a quantized one");
  }
  const graph::Graph folded = graph::fold_batch_norms(float_model);
  graph::Graph twin = quantized;
  for (graph::Edge& edge : twin.edges) edge.quant.reset();
  for (auto& [name, weight] : twin.weights) {
    const auto found = folded.weights.find(name);
    if (found == folded.weights.end() || found->second.value.shape() != weight.value.shape()) {
      fail(ErrorKind::config,
           "[quant.float_twin] expected the float model that was quantized, got one {} (weight {}, {})",
           found == folded.weights.end() ? "without it" : "of " + quench::to_string(found->second.value.shape()), name,
           quench::to_string(weight.value.shape()));
    }
    weight = found->second;
  }
  return twin;
}

}  // namespace quench::quant
