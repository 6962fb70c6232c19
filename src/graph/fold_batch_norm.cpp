#include <algorithm>
#include <cmath>
#include <vector>

#include "core/error.h"
#include "graph/links.h"
#include "graph/passes.h"
#include "graph/quantized.h"

namespace quench::graph {
namespace {

void require_float(const Graph& graph) {
  if (!is_quantized(graph)) return;
  const std::vector<QuantizedValue> values = quantized_values(graph);
  fail(ErrorKind::data, "[graph.fold] expected a float graph, got a quantized one ({})",
       values.empty() ? "a bias" : values.front().name);
}

/// Multiplies the conv's filters and rewrites its bias (equations at fold_batch_norms).
void fold(Graph& graph, const Node& conv, const Node& norm) {
  const auto gamma = graph.required_weight(norm, "weight").value.values<float>();
  const auto beta = graph.required_weight(norm, "bias").value.values<float>();
  const auto mean = graph.required_weight(norm, "running_mean").value.values<float>();
  const auto var = graph.required_weight(norm, "running_var").value.values<float>();
  const double epsilon = norm.as<BatchNormAttributes>().epsilon;
  const auto channels = static_cast<int64_t>(gamma.size());

  graph.required_weight(conv, "weight");
  Tensor& weight = graph.weight(conv, "weight")->value;
  ensure(channels > 0 && weight.size() % channels == 0, "[graph.fold] expected {} filters, got {} (node {})", channels,
         to_string(weight.shape()), conv.name);
  const int64_t filter = weight.size() / channels;
  Tensor bias(DType::f32, {channels});
  if (const Weight* old = graph.weight(conv, "bias")) bias = old->value;
  const auto w = weight.mutable_values<float>();
  const auto b = bias.mutable_values<float>();
  for (int64_t c = 0; c < channels; ++c) {
    const double factor = gamma[c] / std::sqrt(var[c] + epsilon);
    for (int64_t i = c * filter; i < (c + 1) * filter; ++i) w[i] = static_cast<float>(w[i] * factor);
    b[c] = static_cast<float>((b[c] - static_cast<double>(mean[c])) * factor + beta[c]);
  }
  graph.weights[conv.name + ".bias"] = {std::move(bias), std::nullopt};
}

}  // namespace

Graph fold_batch_norms(Graph graph) {
  const auto is_norm = [](const Node& node) { return node.op == Op::batch_norm; };
  if (std::none_of(graph.nodes.begin(), graph.nodes.end(), is_norm)) return graph;
  require_float(graph);
  const Links links(graph);
  std::vector<Node> kept;
  kept.reserve(graph.nodes.size());
  std::vector<int> kept_index(graph.nodes.size(), -1);
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    if (node.op == Op::batch_norm) {
      const EdgeId between = node.inputs.at(0);
      const int producer = links.producer.at(between);
      if (producer >= 0 && links.uses(between) == 1 && graph.nodes[producer].op == Op::conv &&
          graph.nodes[producer].activation == Activation::none) {
        Node& conv = kept[kept_index[producer]];
        fold(graph, conv, node);
        conv.outputs = node.outputs;
        continue;
      }
    }
    kept_index[i] = static_cast<int>(kept.size());
    kept.push_back(node);
  }
  graph.nodes = std::move(kept);
  return compact(std::move(graph));
}

}  // namespace quench::graph
