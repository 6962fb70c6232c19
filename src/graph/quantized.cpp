#include "graph/quantized.h"

#include <algorithm>

#include "core/error.h"
#include "graph/op_traits.h"

namespace quench::graph {

bool is_quantized(const Graph& graph) {
  return std::ranges::any_of(graph.edges, [](const Edge& edge) { return edge.quant.has_value(); }) ||
         std::ranges::any_of(graph.weights, [](const auto& entry) { return entry.second.quant.has_value(); });
}

std::vector<QuantizedValue> quantized_values(const Graph& graph) {
  std::vector<QuantizedValue> values;
  for (const Edge& edge : graph.edges) {
    if (edge.quant) values.push_back({edge.name, &*edge.quant});
  }
  for (const auto& [name, weight] : graph.weights) {
    if (weight.quant && weight.quant->dtype != DType::i32) values.push_back({name, &*weight.quant});
  }
  return values;
}

bool rounds_weights(const Graph& graph, const Node& node) {
  if (!traits(node.op).layer) return false;
  const Weight* weight = graph.weight(node, "weight");
  return weight != nullptr && weight->quant.has_value();
}

bool is_symmetric(const QuantParams& quant) {
  return std::ranges::all_of(quant.zero_point, [](int32_t zero) { return zero == 0; });
}

bool has_fixed_weight_scales(const Graph& graph) {
  const auto found = graph.metadata.find("weight_scales");
  if (found == graph.metadata.end() || found->second == "max_abs") return false;
  if (found->second == "fixed" || found->second == "learned") return true;
  fail(ErrorKind::data,
       "[graph.quantized] expected weight_scales 'max_abs', 'fixed' or 'learned' in the metadata, got '{}'",
       found->second);
}

bool has_learned_weight_scales(const Graph& graph) {
  const auto found = graph.metadata.find("weight_scales");
  return found != graph.metadata.end() && found->second == "learned";
}

bool is_symmetric_int8(const QuantParams& quant) { return quant.dtype == DType::i8 && is_symmetric(quant); }

}  // namespace quench::graph
