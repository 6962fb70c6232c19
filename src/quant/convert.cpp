#include "core/error.h"
#include "graph/op_traits.h"
#include "graph/verify.h"
#include "quant/integers.h"
#include "quant/quantize.h"

namespace quench::quant {

graph::Graph convert(const graph::Graph& prepared) {
  graph::Graph out = prepared;
  for (const graph::Node& node : out.nodes) {
    if (!graph::traits(node.op).layer) continue;
    graph::Weight* weight = out.weight(node, "weight");
    if (!weight || !weight->quant || weight->value.dtype() != DType::f32) continue;
    const auto& input = out.edge(node.inputs.at(0)).quant;
    if (!input || input->scale.size() != 1) {
      fail(ErrorKind::data, "[quant.convert] expected a per-tensor quantized input, got none (node {})", node.name);
    }
    graph::Weight* bias = out.weight(node, "bias");
    const int64_t channels = weight->value.shape().at(0);
    weight->value = quantize_tensor(weight->value, *weight->quant, node.name + ".weight");
    if (!bias || input->dynamic) continue;  // a step of the bias is one of the input
    bias->quant = bias_params(*weight->quant, input->scale[0], channels);
    bias->value = quantize_tensor(bias->value, *bias->quant, node.name + ".bias");
  }
  graph::verify(out);
  return out;
}

}  // namespace quench::quant
