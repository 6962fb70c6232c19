#include "devices/work.h"

#include <algorithm>

#include "graph/links.h"
#include "graph/op_traits.h"
#include "graph/passes.h"
#include "graph/quantized.h"

namespace quench::devices {
namespace {

using graph::Graph;
using graph::Node;
using graph::Op;

int64_t elements(const Graph& graph, graph::EdgeId edge) { return element_count(graph.edge(edge).shape); }

LayerWork layer_work(const Graph& graph, const Node& node) {
  LayerWork work;
  for (const graph::EdgeId input : node.inputs) work.input_elements += elements(graph, input);
  work.elements_moved = work.input_elements;
  for (const graph::EdgeId output : node.outputs) work.elements_moved += elements(graph, output);
  if (!graph::traits(node.op).layer) return work;
  const graph::Weight& weight = graph.required_weight(node, "weight");
  const Shape& shape = weight.value.shape();  // [O, I/groups, kh, kw] or [O, I]
  const Shape& output = graph.edge(node.outputs.at(0)).shape;
  if (node.op == Op::conv) {
    const auto& conv = node.as<graph::ConvAttributes>();
    work.groups = conv.groups;
    work.strided = conv.stride[0] > 1 || conv.stride[1] > 1;
  }
  work.out_channels = shape.at(0) / work.groups;
  work.in_channels = shape.at(1);
  work.kernel_area = node.op == Op::conv ? shape.at(2) * shape.at(3) : 1;
  work.positions = element_count(output) / shape.at(0);
  work.elements_moved += weight.value.size();
  work.quantized = weight.quant.has_value();
  return work;
}

void set_quantization(ModelWork& work, const Graph& graph) {
  work.quantized = graph::is_quantized(graph);
  for (const auto& [name, quant] : graph::quantized_values(graph)) {
    work.symmetric_int8 = work.symmetric_int8 && graph::is_symmetric_int8(*quant);
  }
  if (const auto target = graph.metadata.find("target"); target != graph.metadata.end()) work.target = target->second;
}

/// Most elements that are alive at a time: an edge lives from its producer to its last consumer.
int64_t arena_elements(const Graph& graph) {
  const graph::Links links(graph);
  const size_t end = graph.nodes.size();
  const auto last_use = [&](graph::EdgeId edge) {
    if (links.is_output.at(edge)) return end;
    return links.consumers[edge].empty() ? size_t{0} : static_cast<size_t>(links.consumers[edge].back());
  };
  int64_t alive = 0, most = 0;
  std::vector<int64_t> freed(end + 1, 0);
  const auto born = [&](graph::EdgeId edge) {
    alive += elements(graph, edge);
    freed[last_use(edge)] += elements(graph, edge);
  };
  for (const graph::EdgeId input : graph.inputs) born(input);
  for (size_t i = 0; i < end; ++i) {
    for (const graph::EdgeId output : graph.nodes[i].outputs) born(output);
    most = std::max(most, alive);
    alive -= freed[i];
  }
  return most;
}

}  // namespace

int64_t ModelWork::macs() const {
  int64_t sum = 0;
  for (const LayerWork& layer : layers) sum += layer.macs();
  return sum;
}

ModelWork work_of(const Graph& original) {
  const Graph graph = graph::fuse_activations(graph::fold_batch_norms(original));
  ModelWork work;
  for (const Node& node : graph.nodes) {
    work.convolutional = work.convolutional && node.op != Op::global_avg_pool && node.op != Op::linear;
    if (!graph::traits(node.op).own_pass) continue;
    work.layers.push_back(layer_work(graph, node));
  }
  for (const auto& [name, weight] : graph.weights) work.weight_elements += weight.value.size();
  work.arena_elements = arena_elements(graph);
  set_quantization(work, graph);
  return work;
}

ModelWork enlarged(ModelWork work, int64_t times) {
  const int64_t area = times * times;
  for (LayerWork& layer : work.layers) {
    const int64_t weights = layer.weight_elements();
    layer.positions *= area;
    layer.input_elements *= area;
    layer.elements_moved = (layer.elements_moved - weights) * area + weights;
  }
  work.arena_elements *= area;
  return work;
}

int64_t bytes_of(Precision precision) {
  switch (precision) {
    case Precision::fp32: return 4;
    case Precision::fp16: return 2;
    case Precision::int8: return 1;
  }
  return 4;
}

int64_t memory_need(const ModelWork& work, Precision precision) {
  return (work.weight_elements + work.arena_elements) * bytes_of(precision);
}

}  // namespace quench::devices
