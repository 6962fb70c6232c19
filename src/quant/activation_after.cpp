#include "quant/activation_after.h"

namespace quench::quant {

Activated activation_after(const graph::Graph& graph, const graph::Links& links, const graph::Node& layer) {
  using graph::Activation;
  using graph::Op;
  const graph::EdgeId out = layer.outputs.at(0);
  if (layer.activation != Activation::none) return {layer.activation, out};
  const auto& readers = links.consumers[static_cast<size_t>(out)];
  if (links.is_output[static_cast<size_t>(out)] || readers.empty()) return {Activation::none, out};
  const auto node = [&](size_t i) -> const graph::Node& { return graph.nodes[static_cast<size_t>(readers[i])]; };
  if (readers.size() == 1) {
    if (node(0).op == Op::silu) return {Activation::silu, node(0).outputs[0]};
    if (node(0).op == Op::relu) return {Activation::relu, node(0).outputs[0]};
    return {Activation::none, out};
  }
  const bool decomposed = readers.size() == 2 && node(0).op == Op::sigmoid && node(1).op == Op::mul &&
                          links.uses(node(0).outputs[0]) == 1 && node(1).inputs.size() == 2 &&
                          (node(1).inputs[0] == node(0).outputs[0] || node(1).inputs[1] == node(0).outputs[0]);
  return decomposed ? Activated{Activation::silu, node(1).outputs[0]} : Activated{Activation::none, out};
}

}  // namespace quench::quant
