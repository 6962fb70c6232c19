#pragma once

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "core/rng.h"
#include "data/sets/dataset.h"
#include "graph/graph.h"
#include "graph/shape_inference.h"

namespace quench::quant {

/// Builds small graphs edge by edge; weights are seeded normal.
class GraphSketch {
 public:
  explicit GraphSketch(int64_t size = 16, uint64_t seed = 0) : rng_(seed, "graph-sketch") {
    graph.inputs = {graph.add_edge({"images", {1, 3, size, size}, DType::f32, std::nullopt})};
    graph.metadata["task"] = "classify";
  }
  graph::EdgeId image() const { return graph.inputs[0]; }

  graph::EdgeId conv(const std::string& name, graph::EdgeId in, int64_t in_channels, int64_t channels,
                     int64_t kernel = 3, graph::Activation activation = graph::Activation::none) {
    graph::Node node{name,
                     graph::Op::conv,
                     graph::ConvAttributes{{kernel, kernel}, {1, 1}, {kernel / 2, kernel / 2}, {1, 1}, 1},
                     {in},
                     {},
                     activation};
    weight(name + ".weight", {channels, in_channels, kernel, kernel}, 1 / std::sqrt(in_channels * kernel * kernel));
    weight(name + ".bias", {channels}, 0.1);
    return push(std::move(node));
  }
  graph::EdgeId linear(const std::string& name, graph::EdgeId in, int64_t in_channels, int64_t channels) {
    weight(name + ".weight", {channels, in_channels}, 1 / std::sqrt(in_channels));
    weight(name + ".bias", {channels}, 0.1);
    return push({name, graph::Op::linear, {}, {in}, {}});
  }
  graph::EdgeId op(const std::string& name, graph::Op op, std::vector<graph::EdgeId> in,
                   graph::Attributes attributes = {}) {
    return push({name, op, std::move(attributes), std::move(in), {}});
  }
  graph::Graph done(std::vector<graph::EdgeId> outputs) {
    graph.outputs = std::move(outputs);
    graph::infer_shapes(graph);
    return graph;
  }

  graph::Graph graph;

 private:
  graph::EdgeId push(graph::Node node) {
    const graph::EdgeId out = graph.add_edge({node.name + ".out", {}, DType::f32, std::nullopt});
    node.outputs = {out};
    graph.nodes.push_back(std::move(node));
    return out;
  }
  void weight(const std::string& name, const Shape& shape, double sigma) {
    std::vector<float> values(static_cast<size_t>(element_count(shape)));
    for (float& x : values) x = static_cast<float>(sigma * rng_.normal());
    graph.weights[name] = {Tensor::from(values, shape), std::nullopt};
  }

  Rng rng_;
};

/// A concat of two branches (one through max_pool), an add, a classifier: conv1 -> {conv2, pool} -> concat -> conv3,
/// + conv4 -> add -> pool -> linear.
inline graph::Graph branched_graph(graph::Activation activation = graph::Activation::silu) {
  using graph::Op;
  GraphSketch s;
  const auto a = s.conv("conv1", s.image(), 3, 8, 3, activation);
  const auto b = s.conv("conv2", a, 8, 8, 3, activation);
  const auto p = s.op("pool", Op::max_pool, {a}, graph::PoolAttributes{{3, 3}, {1, 1}, {1, 1}});
  const auto c = s.op("cat", Op::concat, {b, p});
  const auto d = s.conv("conv3", c, 16, 8, 1, activation);
  const auto e = s.conv("conv4", d, 8, 8, 3, activation);
  const auto f = s.op("sum", Op::add, {d, e});
  const auto g = s.op("gap", Op::global_avg_pool, {f});
  const auto h = s.op("flat", Op::flatten, {g});
  return s.done({s.linear("fc", h, 8, 5)});
}

/// Noisy images, no file needed.
class NoiseDataset final : public data::Dataset {
 public:
  NoiseDataset(int64_t count, int64_t size) : count_(count), size_(size) {}
  int64_t size() const override { return count_; }
  const std::vector<std::string>& classes() const override { return classes_; }
  int32_t label(int64_t index) const override { return static_cast<int32_t>(index % 5); }
  data::Sample at(int64_t index) const override {
    Rng rng(1, "noise", static_cast<uint64_t>(index));
    std::vector<uint8_t> pixels(static_cast<size_t>(size_ * size_ * 3));
    const double base = rng.uniform(0, 200);
    for (uint8_t& p : pixels) p = static_cast<uint8_t>(base + rng.uniform(0, 55));
    return {Tensor::from(pixels, {size_, size_, 3}), label(index), {}};
  }
  std::string digest() const override { return "noise"; }

 private:
  int64_t count_, size_;
  std::vector<std::string> classes_{"a", "b", "c", "d", "e"};
};

inline data::Splits noise_splits(int64_t count = 96, int64_t size = 16) {
  return {"noise", std::make_shared<NoiseDataset>(count, size), std::make_shared<NoiseDataset>(count, size)};
}

inline graph::EdgeId edge_named(const graph::Graph& graph, const std::string& name) {
  for (size_t i = 0; i < graph.edges.size(); ++i) {
    if (graph.edges[i].name == name) return static_cast<graph::EdgeId>(i);
  }
  return -1;
}

inline const graph::Node& node_named(const graph::Graph& graph, const std::string& name) {
  for (const graph::Node& node : graph.nodes) {
    if (node.name == name) return node;
  }
  throw std::out_of_range(name);
}

}  // namespace quench::quant
