#include "graph_samples.h"

#include <algorithm>
#include <cmath>

#include "core/rng.h"
#include "graph/dynamic_range.h"
#include "graph/op_traits.h"
#include "graph/passes.h"
#include "graph/shape_inference.h"

namespace quench::graph::samples {

Tensor Builder::random(const std::string& name, Shape shape, double low, double high) {
  Rng rng(seed_, name);
  Tensor out(DType::f32, std::move(shape));
  for (float& value : out.mutable_values<float>()) value = static_cast<float>(rng.uniform(low, high));
  return out;
}

EdgeId Builder::input(const std::string& name, Shape shape) {
  const EdgeId id = graph.add_edge({name, std::move(shape), DType::f32, std::nullopt});
  graph.inputs.push_back(id);
  return id;
}

EdgeId Builder::node(const std::string& name, Op op, std::vector<EdgeId> inputs, Attributes attributes) {
  Node node{name, op, std::move(attributes), std::move(inputs), {}};
  std::vector<Shape> shapes;
  for (EdgeId id : node.inputs) shapes.push_back(graph.edge(id).shape);
  const std::vector<Shape> made = infer_outputs(graph, node, shapes);
  for (size_t i = 0; i < made.size(); ++i) {
    const std::string edge = made.size() == 1 ? name : name + ":" + std::to_string(i);
    node.outputs.push_back(graph.add_edge({edge, made[i], DType::f32, std::nullopt}));
  }
  const EdgeId first = node.outputs.at(0);
  graph.nodes.push_back(std::move(node));
  return first;
}

EdgeId Builder::conv(const std::string& name, EdgeId x, int64_t out_channels, ConvAttributes attributes, bool bias) {
  const int64_t in = graph.edge(x).shape.at(1) / attributes.groups;
  graph.weights[name + ".weight"] = {
      random(name + ".weight", {out_channels, in, attributes.kernel[0], attributes.kernel[1]}, -0.5, 0.5), {}};
  if (bias) graph.weights[name + ".bias"] = {random(name + ".bias", {out_channels}, -1, 1), {}};
  return node(name, Op::conv, {x}, attributes);
}

EdgeId Builder::batch_norm(const std::string& name, EdgeId x) {
  const Shape shape{graph.edge(x).shape.at(1)};
  graph.weights[name + ".weight"] = {random(name + ".weight", shape, 0.5, 1.5), {}};
  graph.weights[name + ".bias"] = {random(name + ".bias", shape, -0.5, 0.5), {}};
  graph.weights[name + ".running_mean"] = {random(name + ".running_mean", shape, -0.5, 0.5), {}};
  graph.weights[name + ".running_var"] = {random(name + ".running_var", shape, 0.1, 2), {}};
  return node(name, Op::batch_norm, {x}, BatchNormAttributes{});
}

EdgeId Builder::linear(const std::string& name, EdgeId x, int64_t out_features) {
  const int64_t in = graph.edge(x).shape.at(1);
  graph.weights[name + ".weight"] = {random(name + ".weight", {out_features, in}, -0.5, 0.5), {}};
  graph.weights[name + ".bias"] = {random(name + ".bias", {out_features}, -1, 1), {}};
  return node(name, Op::linear, {x});
}

std::vector<EdgeId> Builder::split(const std::string& name, EdgeId x, std::vector<int64_t> sizes) {
  node(name, Op::split, {x}, SplitAttributes{std::move(sizes)});
  return graph.nodes.back().outputs;
}

Graph every_op(uint64_t seed) {
  Builder b(seed);
  b.graph.metadata = {{"task", "classify"}, {"model", "every_op"}, {"classes", "[\"naïve\",\"b\"]"}, {"stride", "8"}};
  const EdgeId images = b.input("images", {1, 3, 16, 16});
  EdgeId x = b.conv("model.0.conv", images, 8, {.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}});
  x = b.node("model.0.act", Op::silu, {b.batch_norm("model.0.bn", x)});
  EdgeId y = b.conv("model.1.conv", x, 8, {.kernel = {3, 1}, .padding = {2, 0}, .dilation = {2, 1}, .groups = 2}, true);
  y = b.node("model.1.act", Op::relu, {b.batch_norm("model.1.bn", y)});
  const EdgeId sum = b.node("model.2.add", Op::add, {x, y});
  const auto parts = b.split("model.3", b.node("model.2.act", Op::silu, {sum}), {3, 4, 1});
  const EdgeId pooled = b.node("model.4", Op::max_pool, {parts[0]},
                               PoolAttributes{.kernel = {5, 3}, .stride = {1, 1}, .padding = {2, 1}});
  const EdgeId gate = b.node("model.5.gate", Op::sigmoid, {parts[1]});
  const EdgeId gated = b.node("model.5", Op::mul, {parts[1], gate});  // a plain product, not a silu
  const EdgeId joined = b.node("model.6", Op::concat, {pooled, gated, parts[0]});
  const EdgeId large = b.node("model.7", Op::upsample, {joined}, UpsampleAttributes{2});
  b.output(b.conv("model.8.cv", large, 6, {}, true));
  const EdgeId mean = b.node("model.9.pool", Op::global_avg_pool, {joined});
  b.output(b.linear("model.9.linear", b.node("model.9.flatten", Op::flatten, {mean}), 10));
  return b.graph;
}

namespace {

QuantParams activation_params(const QuantizeOptions& options, int spread) {
  QuantParams quant;
  quant.bits = options.bits_a;
  quant.dtype = options.symmetric ? DType::i8 : DType::u8;
  const double range = 12.0 + 0.25 * spread;
  quant.scale = {static_cast<float>(range / (options.symmetric ? 2 : 1) / static_cast<double>(quant.q_max()))};
  quant.zero_point = {options.symmetric ? 0 : static_cast<int32_t>(quant.q_max() / 3)};
  return quant;
}

/// The level that is next to x; of two as near the one nearer to 0.
double nearest(double x, const std::vector<int8_t>& levels) {
  double best = levels.front();
  for (const double level : levels) {
    const double away = std::abs(x - level), least = std::abs(x - best);
    if (away < least || (away == least && std::abs(level) < std::abs(best))) best = level;
  }
  return best;
}

/// Scales by groups of inputs: each group has the least factor that covers its weights.
Weight quantize_groups(const Tensor& value, const QuantizeOptions& options) {
  const int64_t outputs = value.shape()[0], inputs = value.shape()[1], row = value.size() / outputs;
  const int64_t rows = options.per_channel ? outputs : 1, size = options.group_size * (row / inputs);
  const int64_t most_code = (1 << (options.bits_w - 1)) - 1, most_factor = 127 / most_code;
  QuantParams quant{DType::i8, options.bits_w, {}, std::vector<int32_t>(rows, 0), options.per_channel ? 0 : -1};
  quant.group_size = options.group_size;
  const auto w = value.values<float>();
  const auto largest = [&](int64_t first, int64_t count) {
    float most = 1e-6f;
    for (int64_t i = first; i < first + count; ++i) most = std::max(most, std::abs(w[i]));
    return most;
  };
  Tensor q(DType::i8, value.shape());
  for (int64_t r = 0; r < rows; ++r) {
    const float most = largest(r * (value.size() / rows), value.size() / rows);
    quant.scale.push_back(
        static_cast<float>(most * options.weight_clip / static_cast<double>(most_factor * most_code)));
  }
  for (int64_t o = 0; o < outputs; ++o) {
    const float scale = quant.scale[rows > 1 ? o : 0];
    for (int64_t first = o * row; first < (o + 1) * row; first += size) {
      const int64_t count = std::min(size, (o + 1) * row - first);
      const double needed = std::ceil(largest(first, count) / (static_cast<double>(scale) * most_code) - 1e-4);
      const auto factor = static_cast<int64_t>(std::clamp(needed, 1.0, static_cast<double>(most_factor)));
      quant.group_factors.push_back(static_cast<uint8_t>(factor));
      for (int64_t i = first; i < first + count; ++i) {
        const double code = std::clamp<double>(std::nearbyint(w[i] / scale / static_cast<float>(factor)),
                                               static_cast<double>(-most_code), static_cast<double>(most_code));
        q.mutable_values<int8_t>()[i] = static_cast<int8_t>(code * static_cast<double>(factor));
      }
    }
  }
  return {options.integer ? q : value, quant};
}

Weight quantize_weight(const Tensor& value, const QuantizeOptions& options) {
  if (options.group_size > 0) return quantize_groups(value, options);
  const int64_t rows = options.per_channel ? value.shape()[0] : 1;
  const int64_t row = value.size() / rows;
  QuantParams quant{DType::i8,     options.bits_w, {}, std::vector<int32_t>(rows, 0), options.per_channel ? 0 : -1,
                    options.levels};
  const auto w = value.values<float>();
  Tensor q(DType::i8, value.shape());
  for (int64_t r = 0; r < rows; ++r) {
    float most = 1e-6f;
    for (int64_t i = r * row; i < (r + 1) * row; ++i) most = std::max(most, std::abs(w[i]));
    const auto scale = static_cast<float>(most * options.weight_clip / static_cast<double>(quant.q_max()));
    quant.scale.push_back(scale);
    for (int64_t i = r * row; i < (r + 1) * row; ++i) {
      const double rounded =
          options.levels.empty() ? std::nearbyint(w[i] / scale) : nearest(w[i] / scale, options.levels);
      q.mutable_values<int8_t>()[i] = static_cast<int8_t>(
          std::clamp(rounded, static_cast<double>(quant.q_min()), static_cast<double>(quant.q_max())));
    }
  }
  return {options.integer ? q : value, quant};
}

Weight quantize_bias(const Tensor& value, const QuantParams& weight, float input_scale) {
  QuantParams quant{DType::i32, 32, {}, std::vector<int32_t>(weight.scale.size(), 0), weight.axis};
  for (float scale : weight.scale) quant.scale.push_back(scale * input_scale);
  Tensor q(DType::i32, value.shape());
  for (int64_t i = 0; i < value.size(); ++i) {
    const float scale = quant.scale[quant.axis < 0 ? 0 : i];
    q.mutable_values<int32_t>()[i] = static_cast<int32_t>(std::nearbyint(value.values<float>()[i] / scale));
  }
  return {q, quant};
}

}  // namespace

Graph quantized(const Graph& float_graph, const QuantizeOptions& options) {
  Graph graph = fold_batch_norms(float_graph);
  for (size_t i = 0; i < graph.edges.size(); ++i) {
    const bool output = std::count(graph.outputs.begin(), graph.outputs.end(), static_cast<EdgeId>(i));
    if (options.dynamic && graph.inputs[0] != static_cast<EdgeId>(i)) continue;
    if (!output || options.outputs) graph.edges[i].quant = activation_params(options, static_cast<int>(i % 5));
  }
  for (const Node& node : graph.nodes) {
    Edge& read = graph.edge(node.inputs[0]);
    if (options.dynamic && traits(node.op).layer && !read.quant) read.quant = dynamic_params();
  }
  if (options.pixels) {
    graph.edge(graph.inputs[0]).dtype = DType::u8;
    graph.edge(graph.inputs[0]).quant = QuantParams{DType::u8, 8, {1.0f / 255}, {0}, -1};
  }
  for (const Node& node : graph.nodes) {
    Weight* weight = graph.weight(node, "weight");
    if (!weight) continue;
    *weight = quantize_weight(weight->value, options);
    Weight* bias = graph.weight(node, "bias");
    if (bias && options.integer && !is_dynamic(graph.edge(node.inputs[0]))) {
      *bias = quantize_bias(bias->value, *weight->quant, graph.edge(node.inputs[0]).quant->scale[0]);
    }
  }
  return graph;
}

std::vector<std::pair<std::string, Graph>> all() {
  // Of 5 bits, so that their codes are bytes, which older tools know.
  const std::vector<int8_t> kLevels{-90, -41, -20, -9, -4, -2, -1, 0, 1, 3, 4, 11, 23, 50, 64, 101, 127};
  const Graph plain = every_op();
  const Graph folded = fold_batch_norms(plain);
  const Graph fused = fuse_activations(folded);
  const Graph decomposed = decompose_silu(folded);
  return {
      {"plain", plain},
      {"folded", folded},
      {"fused", fused},
      {"fused unfolded", fuse_activations(plain)},
      {"decomposed", decomposed},
      {"integer", quantized(folded, {})},
      {"integer fused", quantized(fused, {})},
      {"integer decomposed", quantized(decomposed, {.pixels = true})},
      {"integer fused, pixels, outputs", quantized(fused, {.pixels = true, .outputs = true})},
      {"integer symmetric, per tensor", quantized(fused, {.symmetric = true, .per_channel = false})},
      {"integer reduced", quantized(fused, {.bits_w = 4, .bits_a = 6, .outputs = true})},
      {"integer reduced symmetric", quantized(folded, {.bits_w = 7, .bits_a = 7, .symmetric = true})},
      {"integer levels", quantized(fused, {.bits_w = 5, .levels = kLevels})},
      {"prepared levels", quantized(fused, {.bits_w = 5, .integer = false, .weight_clip = 0.7, .levels = kLevels})},
      {"integer groups", quantized(fused, {.bits_w = 5, .group_size = 2})},
      {"prepared groups", quantized(fused, {.bits_w = 5, .integer = false, .weight_clip = 0.7, .group_size = 4})},
      {"integer groups, per tensor", quantized(fused, {.bits_w = 5, .per_channel = false, .group_size = 3})},
      {"integer dynamic", quantized(fused, {.pixels = true, .dynamic = true})},
      {"integer dynamic, 4 bits", quantized(folded, {.bits_w = 4, .dynamic = true})},
      {"prepared dynamic", quantized(folded, {.integer = false, .dynamic = true})},
      {"prepared", quantized(fused, {.integer = false})},
      {"prepared reduced", quantized(decomposed, {.bits_w = 3, .bits_a = 5, .integer = false, .pixels = true})},
      {"prepared saturating", quantized(fused, {.bits_w = 7, .integer = false, .weight_clip = 0.6})},
      {"prepared saturating per tensor",
       quantized(fused, {.symmetric = true, .per_channel = false, .integer = false, .weight_clip = 0.6})},
  };
}

}  // namespace quench::graph::samples
