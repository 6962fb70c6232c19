#include "quant/activation_after.h"

namespace quench::quant {

graph::Activation activation_after(const graph::Graph& graph, const graph::Links& links, const graph::Node& layer) {
  using graph::Activation;
  using graph::Op;
  if (layer.activation != Activation::none) return layer.activation;
  const graph::EdgeId out = layer.outputs.at(0);
  const auto& readers = links.consumers[static_cast<size_t>(out)];
  if (links.is_output[static_cast<size_t>(out)] || readers.empty()) return Activation::none;
  const auto node = [&](size_t i) -> const graph::Node& { return graph.nodes[static_cast<size_t>(readers[i])]; };
  if (readers.size() == 1) {
    if (node(0).op == Op::silu) return Activation::silu;
    return node(0).op == Op::relu ? Activation::relu : Activation::none;
  }
  const bool decomposed = readers.size() == 2 && node(0).op == Op::sigmoid && node(1).op == Op::mul &&
                          links.uses(node(0).outputs[0]) == 1 && node(1).inputs.size() == 2 &&
                          (node(1).inputs[0] == node(0).outputs[0] || node(1).inputs[1] == node(0).outputs[0]);
  return decomposed ? Activation::silu : Activation::none;
}

}  // namespace quench::quant
