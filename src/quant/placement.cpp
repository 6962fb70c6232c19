#include "quant/placement.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>

#include "core/error.h"
#include "core/name_pattern.h"
#include "core/text.h"
#include "graph/dynamic_range.h"
#include "graph/op_traits.h"
#include "graph/passes.h"
#include "graph/scale_groups.h"
#include "quant/layer_bits.h"
#include "quant/observer.h"

namespace quench::quant {

using graph::EdgeId;
using graph::Graph;
using graph::Node;
using graph::Op;

namespace {

bool is_layer(const Node& node) { return graph::traits(node.op).layer; }

// What is known of each node and edge while a policy marks edges.
struct Sketch {
  Sketch(const Graph& graph, const PlacementOptions& options);

  bool has_integer_consumer(EdgeId edge) const {
    return std::ranges::any_of(links.consumers[edge], [&](int node) { return integer[node]; });
  }
  void mark(const std::vector<EdgeId>& edges) {
    for (const EdgeId edge : edges) marked[edge] = true;
  }

  const Graph& graph;
  const graph::Links links;
  std::vector<bool> integer;  ///< of each node: runs in integers
  std::vector<bool> marked;   ///< of each edge: quantized
};

Sketch::Sketch(const Graph& g, const PlacementOptions& options)
    : graph(g), links(g), integer(g.nodes.size()), marked(g.edges.size()) {
  std::vector<std::string> names;
  for (const Node& node : g.nodes) {
    if (is_layer(node)) names.push_back(node.name);
  }
  const std::set<std::string> kept =
      select_names(options.float_layers, names, "[quant.placement] float_layers", "convolution or linear layer");
  for (size_t i = 0; i < g.nodes.size(); ++i) {
    const Node& node = g.nodes[i];
    if (is_layer(node)) {
      const bool head = !options.quantize_head && node.op == Op::conv && links.is_output[node.outputs[0]];
      integer[i] = !head && !kept.count(node.name);
    } else {  // follows what it reads: float where all of that is float
      integer[i] = std::ranges::any_of(
          node.inputs, [&](EdgeId edge) { return links.producer[edge] >= 0 && integer[links.producer[edge]]; });
    }
  }
}

// A graph input stays apart from a concat's other inputs: its range is given, not chosen.
std::vector<std::vector<EdgeId>> groups_of(const Sketch& sketch) {
  return graph::scale_groups(sketch.graph, sketch.marked, [&](const Node& node, EdgeId a, EdgeId b) {
    return node.op != Op::concat || (sketch.links.producer[a] >= 0 && sketch.links.producer[b] >= 0);
  });
}

// ReLU whose clamp at 0 is the quantizer's own (u8 with zero point 0): nothing stands between it and its producer.
bool absorbs_relu(const Sketch& sketch, const Node& node, const PlacementOptions& options) {
  if (options.symmetric || (node.op != Op::conv && node.op != Op::add)) return false;
  const EdgeId out = node.outputs[0];
  const int reader = sketch.links.only_consumer(out);
  return reader >= 0 && sketch.graph.nodes[reader].op == Op::relu;
}

// Engines whose convolutions take SiLU along and give floats just as well as bytes.
bool gives_any(Target target) { return target == Target::native || target == Target::openvino; }

// SiLU that a convolution applies to its sums before they become bytes.
bool fuses_silu(const Sketch& sketch, const Node& node, const PlacementOptions& options) {
  if (!gives_any(options.target) || options.silu_tables || node.op != Op::conv) return false;
  const int reader = sketch.links.only_consumer(node.outputs[0]);
  return reader >= 0 && sketch.graph.nodes[reader].op == Op::silu;
}

// Engines that run a node in integers where all its inputs and outputs are quantized (ONNX Runtime's Gemm also with
// float output, the native engine's convolutions too).
void mark_for_integers(Sketch& sketch, const PlacementOptions& options) {
  const Graph& graph = sketch.graph;
  sketch.mark(graph.inputs);
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    if (!sketch.integer[i]) continue;
    const int maker = sketch.links.producer[node.inputs[0]];
    const bool made_in_integers = maker >= 0 && sketch.integer[maker];
    const bool absorbed = node.op == Op::relu && made_in_integers && absorbs_relu(sketch, graph.nodes[maker], options);
    const bool fused = node.op == Op::silu && made_in_integers && fuses_silu(sketch, graph.nodes[maker], options);
    if (!absorbed && !fused) sketch.mark(node.inputs);
    const bool needs_output = node.op == Op::conv || absorbed || graph::traits(node.op).moves_values;
    for (const EdgeId edge : node.outputs) {
      if (sketch.links.is_output[edge]) {
        sketch.marked[edge] = options.quantize_head && node.op == Op::conv && !gives_any(options.target);
        continue;
      }
      if (absorbs_relu(sketch, node, options) || fuses_silu(sketch, node, options)) continue;
      if (needs_output || sketch.has_integer_consumer(edge)) sketch.marked[edge] = true;
    }
  }
}

// What enters convolutions and linear layers alone: TensorRT fuses the rest (activation, residual add) after them, and
// with dynamic ranges the rest is in float.
void mark_inputs_of_layers(Sketch& sketch) {
  for (size_t i = 0; i < sketch.graph.nodes.size(); ++i) {
    if (is_layer(sketch.graph.nodes[i]) && sketch.integer[i]) sketch.mark(sketch.graph.nodes[i].inputs);
  }
}

graph::QuantParams affine(DType dtype, int bits, float scale) { return {dtype, bits, {scale}, {0}, -1}; }

graph::QuantParams image_params(Target target) {
  return target == Target::tensorrt ? affine(DType::i8, 8, 1.0f / 127) : affine(DType::u8, 8, 1.0f / 255);
}

graph::QuantParams sigmoid_params(const PlacementOptions& options) {
  if (!options.symmetric) return affine(DType::u8, options.bits_a, std::ldexp(1.0f, -options.bits_a));
  return for_target(affine(DType::i8, options.bits_a, std::ldexp(1.0f, 1 - options.bits_a)), options.target);
}

// Refuses a width of its own for the image. A pattern of several layers may match one that reads it.
void require_width_of_image(const std::vector<EdgeId>& inputs, const std::vector<LayerBits>& bits,
                            const std::vector<std::string>& names, const graph::Links& links) {
  constexpr int kImageBits = 8;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (links.producer[inputs[i]] >= 0 || !bits[i].alone || bits[i].activations == kImageBits) continue;
    fail(ErrorKind::config,
         "[quant.placement] layer_bits: '{}' reads the image, which always has {} bits: expected no width of what it "
         "reads, got a{}",
         names[i], kImageBits, *bits[i].activations);
  }
}

// The width that layers ask for the values of a group that they read. inputs, bits, names: of the layers in integers.
std::optional<int> group_bits(const std::vector<EdgeId>& group, const std::vector<EdgeId>& inputs,
                              const std::vector<LayerBits>& bits, const std::vector<std::string>& names) {
  std::optional<size_t> asks;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!bits[i].activations || !std::ranges::binary_search(group, inputs[i])) continue;
    if (asks && bits[i].activations != bits[*asks].activations) {
      fail(ErrorKind::config,
           "[quant.placement] layer_bits: '{}' and '{}' read values that share one range: expected one "
           "width, got {} and {}",
           names[*asks], names[i], *bits[*asks].activations, *bits[i].activations);
    }
    asks = i;
  }
  return asks ? bits[*asks].activations : std::nullopt;
}

// Parameters of a group all of whose values have a known range.
std::optional<graph::QuantParams> known_params(const Sketch& sketch, const std::vector<EdgeId>& group,
                                               const PlacementOptions& options) {
  std::optional<graph::QuantParams> found;
  for (const EdgeId edge : graph::sources_of(sketch.graph, sketch.links, group)) {
    std::optional<graph::QuantParams> known;
    if (sketch.links.producer[edge] < 0) {
      known = image_params(options.target);
    } else if (graph::traits(sketch.graph.nodes[sketch.links.producer[edge]].op).unit_range) {
      known = sigmoid_params(options);
    }
    if (!known || (found && *found != *known)) return std::nullopt;
    found = known;
  }
  return found;
}

void require_dynamic(const PlacementOptions& options, const std::vector<LayerBits>& bits) {
  if (!options.dynamic) return;
  const bool narrow = options.bits_a != 8 || std::ranges::any_of(bits, [](const LayerBits& layer) {
                        return layer.activations && *layer.activations != 8;
                      });
  const bool runs = options.target == Target::native || options.target == Target::onnxruntime;
  if (runs && !options.symmetric && !options.silu_tables && !narrow) return;
  fail(ErrorKind::config,
       "[quant.placement] activation_scales: dynamic: expected asymmetric activations of 8 bits, no silu_tables, and "
       "the "
       "target native or onnxruntime, got others");
}

// Each edge by itself: the image is what it is, all others go by their own values.
void fix_dynamic(const Sketch& sketch, const PlacementOptions& options, Placement& out) {
  for (size_t i = 0; i < sketch.marked.size(); ++i) {
    if (!sketch.marked[i]) continue;
    out.fixed[static_cast<EdgeId>(i)] =
        sketch.links.producer[i] < 0 ? image_params(options.target) : graph::dynamic_params();
  }
}

}  // namespace

Target target_from(const std::string& name) {
  static const std::vector<std::string> names = {"onnxruntime", "tensorrt", "native", "openvino"};
  for (const Target target : {Target::onnxruntime, Target::tensorrt, Target::native, Target::openvino}) {
    if (name == to_string(target)) return target;
  }
  fail(ErrorKind::config, "[quant.placement] unknown target '{}'{}", name, suggestion(name, names));
}

const char* to_string(Target target) {
  switch (target) {
    case Target::onnxruntime: return "onnxruntime";
    case Target::tensorrt: return "tensorrt";
    case Target::native: return "native";
    case Target::openvino: return "openvino";
  }
  return "unknown";
}

int most_weight_bits(Target target) { return target == Target::openvino ? 7 : 8; }

graph::QuantParams for_target(graph::QuantParams params, Target target) {
  if (target == Target::tensorrt || params.dtype != DType::i8) return params;
  params.dtype = DType::u8;
  for (int32_t& zero_point : params.zero_point) zero_point += 1 << (params.bits - 1);
  return params;
}

Placement place(const Graph& float_graph, const PlacementOptions& wanted) {
  PlacementOptions options = wanted;
  if (options.target == Target::tensorrt) options.symmetric = true;
  options.bits_w = std::min(options.bits_w, most_weight_bits(options.target));
  if (options.silu_tables && options.target != Target::native) {
    fail(ErrorKind::config, "[quant.placement] silu_tables: expected target native, got {}", to_string(options.target));
  }
  Placement out;
  out.graph = graph::unfuse_activations(graph::fold_batch_norms(float_graph));
  if (options.target == Target::onnxruntime && !options.dynamic)
    out.graph = graph::decompose_silu(std::move(out.graph));
  if (options.target != Target::tensorrt) {
    for (const EdgeId edge : out.graph.inputs) out.graph.edge(edge).dtype = DType::u8;
  }
  Sketch sketch(out.graph, options);
  if (options.dynamic) {
    sketch.mark(out.graph.inputs);
    mark_inputs_of_layers(sketch);
  } else if (options.target == Target::tensorrt) {
    mark_inputs_of_layers(sketch);
  } else {
    mark_for_integers(sketch, options);
  }

  std::vector<EdgeId> inputs;  // of the layers in integers
  for (size_t i = 0; i < out.graph.nodes.size(); ++i) {
    const Node& node = out.graph.nodes[i];
    if (!is_layer(node)) continue;
    (sketch.integer[i] ? out.weights : out.float_layers).push_back(node.name);
    if (sketch.integer[i]) inputs.push_back(node.inputs[0]);
  }
  const std::vector<LayerBits> bits = layer_bits(options.layer_bits, out.weights, options.bits_w);
  require_width_of_image(inputs, bits, out.weights, sketch.links);
  require_dynamic(options, bits);
  for (const LayerBits& layer : bits) out.weight_bits.push_back(layer.weights);
  if (options.dynamic) {
    fix_dynamic(sketch, options, out);
    return out;
  }
  for (std::vector<EdgeId>& group : groups_of(sketch)) {
    PlacementOptions here = options;
    here.bits_a = group_bits(group, inputs, bits, out.weights).value_or(options.bits_a);
    if (const auto params = known_params(sketch, group, here)) {
      for (const EdgeId edge : group) out.fixed[edge] = *params;
    } else {
      out.groups.push_back(std::move(group));
      out.group_bits.push_back(here.bits_a);
    }
  }
  return out;
}

}  // namespace quench::quant
