#include "quant/layer_walk.h"

#include <ATen/ATen.h>

#include "core/error.h"
#include "graph/links.h"
#include "graph/op_traits.h"
#include "nn/execute.h"
#include "nn/fake_quant.h"
#include "nn/plan.h"

namespace quench::quant {
namespace {

/// The next node, where it is an activation that alone reads this one's values, which are not quantized: floats of all
/// images would be kept for it. Null where it is not so.
const graph::Node* activation_of_floats(const graph::Graph& graph, const graph::Links& links, const graph::Node& node) {
  if (node.outputs.size() != 1 || graph.edge(node.outputs[0]).quant) return nullptr;
  const int reader = links.only_consumer(node.outputs[0]);
  if (reader < 0) return nullptr;
  const graph::Node& next = graph.nodes[static_cast<size_t>(reader)];
  return &next == &node + 1 && graph::traits(next.op).pointwise ? &next : nullptr;
}

}  // namespace

std::vector<torch::Tensor> run_node(const graph::Graph& graph, const graph::Node& node,
                                    const std::vector<torch::Tensor>& inputs, bool bare, bool engine_silu) {
  const torch::NoGradGuard no_gradient;
  nn::NodeTensors tensors = nn::load_node(graph, node, {});
  if (!bare || node.activation == graph::Activation::none)
    return nn::execute(node, tensors, inputs, {.engine_silu = engine_silu});
  graph::Node without = node;
  without.activation = graph::Activation::none;
  return nn::execute(without, tensors, inputs, {});
}

torch::Tensor LayerWalk::Stored::get() const {
  if (scale == 0) return values;
  torch::Tensor out = values.to(torch::kFloat);
  if (low != 0) out.add_(low);
  return out.mul_(scale);
}

LayerWalk::LayerWalk(graph::Graph& graph, const std::vector<Tensor>& images) : graph_(graph), images_(images) {
  ensure(graph.inputs.size() == 1, "[quant.layer_walk] expected 1 graph input, got {}", graph.inputs.size());
}

torch::Tensor LayerWalk::input(const graph::Node& node, size_t batch) const {
  return values_.at(static_cast<size_t>(node.inputs.at(0))).at(batch).get();
}

torch::Tensor LayerWalk::output(const graph::Node& node, size_t batch) const {
  return run_node(graph_, node, {input(node, batch)}, true).at(0);
}

LayerWalk::Stored LayerWalk::store(graph::EdgeId id, const torch::Tensor& value) const {
  const auto& quant = graph_.edge(id).quant;
  if (!quant) return {value, 0, 0};
  const torch::Tensor rounded = nn::fake_quantize(value, *quant);
  const bool bytes = !quant->dynamic && quant->scale.size() == 1 && quant->q_max() - quant->q_min() < 256;
  if (!bytes) return {rounded, 0, 0};
  const int64_t low = quant->q_min() - quant->zero_point[0];
  return {rounded.div(quant->scale[0]).round_().sub_(low).to(torch::kByte), quant->scale[0], low};
}

void LayerWalk::run(const AtLayer& at, const CancelToken& cancel) {
  const torch::NoGradGuard no_gradient;
  const graph::Links links(graph_);
  values_.assign(graph_.edges.size(), {});
  std::vector<size_t> readers(graph_.edges.size());
  for (size_t i = 0; i < readers.size(); ++i) readers[i] = links.consumers[i].size();
  const graph::EdgeId entry = graph_.inputs[0];
  for (const Tensor& images : images_) {
    const torch::Tensor pixels = nn::to_torch(images).permute({0, 3, 1, 2}).to(torch::kFloat).div_(255.0);
    values_[static_cast<size_t>(entry)].push_back(store(entry, pixels));
  }
  const std::vector<bool> engine_silu = nn::silus_of_sums(graph_);
  const graph::Node* taken = nullptr;  // ran along with what it reads
  for (const graph::Node& node : graph_.nodes) {
    cancel.check();
    if (&node == taken) continue;
    const auto index = static_cast<size_t>(&node - graph_.nodes.data());
    if (graph::traits(node.op).layer) at(node);
    nn::NodeTensors tensors = nn::load_node(graph_, node, {});
    const graph::Node* then = activation_of_floats(graph_, links, node);
    if (then != nullptr) taken = then;
    for (size_t batch = 0; batch < images_.size(); ++batch) {
      cancel.check();
      std::vector<torch::Tensor> inputs;
      for (const graph::EdgeId edge : node.inputs) inputs.push_back(values_[static_cast<size_t>(edge)][batch].get());
      std::vector<torch::Tensor> outputs = nn::execute(node, tensors, inputs, {.engine_silu = engine_silu[index]});
      if (then != nullptr) outputs = run_node(graph_, *then, outputs, false, engine_silu[index + 1]);
      for (size_t k = 0; k < outputs.size(); ++k) {
        const graph::EdgeId edge = then != nullptr ? then->outputs[k] : node.outputs[k];
        if (!links.consumers[static_cast<size_t>(edge)].empty()) {
          values_[static_cast<size_t>(edge)].push_back(store(edge, outputs[k]));
        }
      }
    }
    for (const graph::EdgeId edge : node.inputs) {
      if (--readers[static_cast<size_t>(edge)] == 0) values_[static_cast<size_t>(edge)].clear();
    }
  }
}

}  // namespace quench::quant
