#pragma once

#include <string>
#include <utility>
#include <vector>

#include "graph/graph.h"

/// Small graphs, built by hand, for tests: every operation, attributes off their defaults, seeded random weights.
namespace quench::graph::samples {

/// Adds nodes one by one; edges are named after the node that makes them.
class Builder {
 public:
  explicit Builder(uint64_t seed) : seed_(seed) {}
  EdgeId input(const std::string& name, Shape shape);
  EdgeId conv(const std::string& name, EdgeId x, int64_t out_channels, ConvAttributes attributes, bool bias = false);
  EdgeId batch_norm(const std::string& name, EdgeId x);
  EdgeId linear(const std::string& name, EdgeId x, int64_t out_features);
  EdgeId node(const std::string& name, Op op, std::vector<EdgeId> inputs, Attributes attributes = {});
  std::vector<EdgeId> split(const std::string& name, EdgeId x, std::vector<int64_t> sizes);
  void output(EdgeId id) { graph.outputs.push_back(id); }

  Graph graph;

 private:
  Tensor random(const std::string& name, Shape shape, double low, double high);
  uint64_t seed_;
};

/// Every operation once or more; two outputs, [1,6,16,16] and [1,10]; batch norm unfolded, nothing fused.
Graph every_op(uint64_t seed = 1);

struct QuantizeOptions {
  int bits_w = 8;
  int bits_a = 8;
  bool symmetric = false;           ///< activations int8 with zero point 0, else uint8
  bool per_channel = true;          ///< weights
  bool integer = true;              ///< weights rounded, bias int32; else float weights with parameters (prepared)
  bool pixels = false;              ///< uint8 graph input, scale 1/255
  bool outputs = false;             ///< graph outputs quantized too
  double weight_clip = 1.0;         ///< below 1: scales so small that large weights saturate
  std::vector<int8_t> levels = {};  ///< of weights, non-uniform ones
  int64_t group_size = 0;           ///< of inputs that share a factor of a weight's scale
  bool dynamic = false;             ///< ranges of what layers read are found as the model runs; other edges are floats
};
/// Quantization parameters on all edges and weights; folds first.
Graph quantized(const Graph& float_graph, const QuantizeOptions& options);

/// Every sample, with a name for messages.
std::vector<std::pair<std::string, Graph>> all();

}  // namespace quench::graph::samples
