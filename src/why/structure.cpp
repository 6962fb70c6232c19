#include "why/structure.h"

#include <algorithm>

#include "core/text.h"
#include "graph/links.h"
#include "graph/op_traits.h"
#include "graph/quantized.h"
#include "metrics/cost.h"
#include "quant/activation_after.h"

namespace quench::why {
namespace {

using graph::EdgeId;
using graph::Graph;
using graph::Node;

bool is_named_float(const Graph& model, const std::string& layer) {
  const auto found = model.metadata.find("float_layers");
  if (found == model.metadata.end()) return false;
  return std::ranges::count(split_text(found->second, ','), layer) > 0;
}

std::string reason_of(const Graph& model, const LayerFinding& layer) {
  if (layer.integer) return "";
  if (layer.bits_w > 0) return "what it reads is not quantized";
  if (layer.head && layer.convolution) return "it makes an output, and heads stay in float";
  if (is_named_float(model, layer.layer)) return "it is named in float_layers";
  return "its weights are not quantized";
}

class Reader {
 public:
  explicit Reader(const Graph& model) : model_(model), links_(model), cost_(metrics::cost(model)) {}

  LayerFinding of(size_t index) const {
    const Node& node = model_.nodes[index];
    const quant::Activated end = quant::activation_after(model_, links_, node);
    const auto& read = model_.edge(node.inputs.at(0)).quant;
    const graph::Weight& weight = model_.required_weight(node, "weight");
    LayerFinding out;
    out.layer = node.name;
    out.params = cost_.nodes.at(index).params;
    out.macs = cost_.nodes.at(index).macs;
    out.bits_w = weight.quant ? weight.quant->bits : 0;
    out.bits_a = read ? read->bits : 0;
    out.one_weight_scale = weight.quant && weight.quant->scale.size() == 1 && weight.value.shape().at(0) > 1;
    out.head = links_.is_output[static_cast<size_t>(end.edge)];
    out.convolution = node.op == graph::Op::conv;
    out.integer = out.bits_w > 0 && out.bits_a > 0;
    out.reason = reason_of(model_, out);
    out.roundings = rounded(end.edge);
    for (const EdgeId edge : before_activation(model_, node)) out.roundings += edge != end.edge && rounded(edge);
    out.conversions = conversions(out, end.edge);
    out.requantizations = requantizations(end.edge);
    return out;
  }

 private:
  int rounded(EdgeId edge) const { return model_.edge(edge).quant ? 1 : 0; }

  int conversions(const LayerFinding& layer, EdgeId end) const {
    if (!layer.integer) return (layer.bits_a > 0 ? 1 : 0) + rounded(end);
    return rounded(end) == 0 && !layer.head ? 1 : 0;
  }

  int requantizations(EdgeId end) const {
    int out = 0;
    if (!model_.edge(end).quant) return out;
    for (const int reader : links_.consumers[static_cast<size_t>(end)]) {
      const Node& node = model_.nodes[static_cast<size_t>(reader)];
      if (!graph::traits(node.op).moves_values) continue;
      const auto& made = model_.edge(node.outputs.at(0)).quant;
      if (made && *made != *model_.edge(end).quant) ++out;
    }
    return out;
  }

  const Graph& model_;
  const graph::Links links_;
  const metrics::Cost cost_;
};

}  // namespace

std::vector<EdgeId> before_activation(const Graph& model, const Node& layer) {
  const graph::Links links(model);
  const quant::Activated end = quant::activation_after(model, links, layer);
  const EdgeId out = layer.outputs.at(0);
  if (end.activation != graph::Activation::silu || end.edge == out) return {};
  std::vector<EdgeId> edges{out};
  for (const int reader : links.consumers[static_cast<size_t>(out)]) {
    const Node& node = model.nodes[static_cast<size_t>(reader)];
    if (node.op == graph::Op::sigmoid) edges.push_back(node.outputs.at(0));
  }
  return edges;
}

std::vector<LayerFinding> layers_of(const Graph& model) {
  const Reader reader(model);
  std::vector<LayerFinding> layers;
  for (size_t i = 0; i < model.nodes.size(); ++i) {
    if (graph::traits(model.nodes[i].op).layer) layers.push_back(reader.of(i));
  }
  return layers;
}

}  // namespace quench::why
