#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace quench::models {

/// A value on its way through the network that is being built.
struct Value {
  graph::EdgeId edge = -1;
  int64_t channels = 0;
  int64_t stride = 1;  ///< input pixels a step of this value's grid
};

/// Channels, kernel and stride of a square convolution; padding is kernel / 2 unless given.
struct ConvShape {
  int64_t channels = 0;
  int64_t kernel = 1;
  int64_t stride = 1;
  int64_t padding = -1;
};

/// Appends nodes with freshly initialised weights to a Graph. Every edge is named after the node that makes it.
/// A weight's values depend on the seed and its name alone, so they do not change where a network around them does.
class Network {
 public:
  Network(graph::Graph& graph, uint64_t seed) : graph_(graph), seed_(seed) {}

  /// The graph's input: edge `images`, [1,3,size,size] float32.
  Value images(int64_t size);

  /// Convolution without bias, batch norm, SiLU: nodes `name.conv`, `name.bn`, `name.act`.
  Value conv_block(const std::string& name, const Value& x, const ConvShape& shape);
  /// Convolution with bias, node `name`.
  Value conv(const std::string& name, const Value& x, const ConvShape& shape);
  Value max_pool(const std::string& name, const Value& x, int64_t kernel);
  Value upsample(const std::string& name, const Value& x, int64_t factor);
  Value add(const std::string& name, const Value& a, const Value& b);
  Value concat(const std::string& name, const std::vector<Value>& parts);
  /// Edges `name.0`, `name.1`, ...
  std::vector<Value> split(const std::string& name, const Value& x, const std::vector<int64_t>& sizes);
  Value global_avg_pool(const std::string& name, const Value& x);
  Value flatten(const std::string& name, const Value& x);
  Value linear(const std::string& name, const Value& x, int64_t out);

  /// Values of a bias that this network made, for heads that start from a prior.
  std::span<float> bias(const std::string& node);

 private:
  Value append(graph::Op op, const std::string& name, const std::vector<Value>& inputs, graph::Attributes attributes,
               int64_t channels, int64_t stride);
  Value append_conv(const std::string& name, const Value& x, const ConvShape& shape);
  void uniform_weight(const std::string& name, Shape shape, int64_t fan_in);
  void constant_weight(const std::string& name, int64_t size, float value);

  graph::Graph& graph_;
  uint64_t seed_;
};

}  // namespace quench::models
