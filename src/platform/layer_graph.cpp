#include "platform/layer_graph.h"

#include <fmt/format.h>

#include "core/error.h"
#include "core/rng.h"
#include "graph/links.h"
#include "graph/op_traits.h"
#include "graph/passes.h"
#include "graph/shape_inference.h"

namespace quench::platform {
namespace {

using graph::Activation;
using graph::ConvAttributes;
using graph::EdgeId;
using graph::Graph;
using graph::Node;
using graph::Op;
using metrics::LayerShape;

constexpr float kActivationScale = 0.05f, kWeightScale = 0.01f;

Tensor random_floats(Rng& rng, Shape shape) {
  Tensor out(DType::f32, std::move(shape));
  for (float& x : out.mutable_values<float>()) x = static_cast<float>(rng.uniform(-0.1, 0.1));
  return out;
}

Tensor random_integers(Rng& rng, Shape shape) {
  Tensor out(DType::i8, std::move(shape));
  for (int8_t& x : out.mutable_values<int8_t>()) x = static_cast<int8_t>(static_cast<int>(rng.below(15)) - 7);
  return out;
}

/// Nodes one after another, with their shapes.
class Maker {
 public:
  Maker() : rng_(0, "layer graph") {}

  EdgeId input(Shape shape) {
    graph.inputs = {graph.add_edge({"images", std::move(shape), DType::f32, std::nullopt})};
    return graph.inputs[0];
  }
  EdgeId node(const std::string& name, Op op, std::vector<EdgeId> inputs, graph::Attributes attributes = {},
              Activation activation = Activation::none) {
    Node made{name, op, std::move(attributes), std::move(inputs), {}, activation};
    std::vector<Shape> shapes;
    for (const EdgeId edge : made.inputs) shapes.push_back(graph.edge(edge).shape);
    const std::vector<Shape> outputs = graph::infer_outputs(graph, made, shapes);
    made.outputs = {graph.add_edge({name + ".out", outputs.at(0), DType::f32, std::nullopt})};
    graph.nodes.push_back(std::move(made));
    return graph.nodes.back().outputs[0];
  }
  EdgeId layer(const std::string& name, Op op, EdgeId x, Shape weight, graph::Attributes attributes = {},
               Activation activation = Activation::none) {
    graph.weights[name + ".bias"] = {random_floats(rng_, {weight.at(0)}), std::nullopt};
    graph.weights[name + ".weight"] = {random_floats(rng_, std::move(weight)), std::nullopt};
    return node(name, op, {x}, std::move(attributes), activation);
  }
  /// A value of so many channels.
  EdgeId feed(const std::string& name, EdgeId images, int64_t channels) {
    return layer(name, Op::conv, images, {channels, 3, 1, 1}, ConvAttributes{});
  }

  Graph graph;

 private:
  Rng rng_;
};

EdgeId timed_layer(Maker& maker, const LayerWidths& layers, size_t index, EdgeId x, EdgeId images) {
  const LayerShape& shape = layers.shape;
  const std::string name = timed_node(index);
  switch (shape.op) {
    case Op::conv: {
      auto conv = std::get<ConvAttributes>(shape.attributes);
      const int64_t out = layers.out[index], columns = shape.depthwise() ? 1 : layers.in / conv.groups;
      if (shape.depthwise()) conv.groups = layers.in;
      return maker.layer(name, Op::conv, x, {out, columns, conv.kernel[0], conv.kernel[1]}, conv, shape.activation);
    }
    case Op::linear: return maker.layer(name, Op::linear, x, {layers.out[index], layers.in}, {}, shape.activation);
    case Op::add:
    case Op::mul: return maker.node(name, shape.op, {x, maker.feed("beside", images, layers.in)}, {}, shape.activation);
    default: return maker.node(name, shape.op, {x}, shape.attributes);
  }
}

}  // namespace

std::string timed_node(size_t index) { return fmt::format("timed.{}", index); }

Graph layer_graph(const LayerWidths& layers) {
  const LayerShape& shape = layers.shape;
  Maker maker;
  const EdgeId images = maker.input({1, 3, shape.height, shape.width});
  EdgeId x = maker.feed("feed", images, layers.in);
  if (shape.op == Op::linear) x = maker.node("flat", Op::flatten, {x});
  for (size_t i = 0; i < layers.out.size(); ++i) {
    const EdgeId made = timed_layer(maker, layers, i, x, images);
    const bool flat = maker.graph.edge(made).shape.size() == 2;
    const std::string name = fmt::format("read.{}", i);
    maker.graph.outputs.push_back(maker.node(name, flat ? Op::sigmoid : Op::global_avg_pool, {made}));
  }
  return shape.integers ? as_integers(maker.graph) : maker.graph;
}

Graph as_integers(const Graph& float_graph) {
  Graph graph = graph::unfuse_activations(graph::fold_batch_norms(float_graph));
  const graph::Links links(graph);
  Rng rng(0, "made-up integers");
  for (size_t e = 0; e < graph.edges.size(); ++e) {
    if (!links.is_output[e]) graph.edges[e].quant = graph::QuantParams{DType::u8, 8, {kActivationScale}, {128}, -1};
  }
  for (const EdgeId edge : graph.inputs) {
    graph.edge(edge).dtype = DType::u8;
    graph.edge(edge).quant = graph::QuantParams{DType::u8, 8, {1.0f / 255}, {0}, -1};
  }
  for (const Node& node : graph.nodes) {
    if (!graph::traits(node.op).layer) continue;
    if (node.op == Op::conv && links.is_output[node.outputs[0]]) continue;
    graph::Weight& weight = *graph.weight(node, "weight");
    weight.value = random_integers(rng, weight.value.shape());
    weight.quant = graph::QuantParams{DType::i8, 8, {kWeightScale}, {0}, -1};
  }
  return graph;
}

}  // namespace quench::platform
