#include "graph/verify.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/utf8.h"
#include "graph/dynamic_range.h"
#include "graph/op_traits.h"
#include "graph/quantized.h"
#include "graph/shape_inference.h"
#include "graph/weight_groups.h"

namespace quench::graph {
namespace {

template <typename... Args>
[[noreturn]] void wrong(fmt::format_string<Args...> format, Args&&... args) {
  fail(ErrorKind::data, "[graph.verify] {}", fmt::format(format, std::forward<Args>(args)...));
}

void check_text(std::string_view text, std::string_view what) {
  if (utf8_prefix(text) != text.size()) wrong("expected UTF-8 text, got other bytes ({})", what);
}

void check_names(const Graph& graph) {
  std::set<std::string_view> nodes, tensors;
  for (const Node& node : graph.nodes) {
    if (node.name.empty()) wrong("expected a name for every node, got none ({} node)", to_string(node.op));
    check_text(node.name, "node name");
    if (!nodes.insert(node.name).second) wrong("expected unique node names, got {} twice", node.name);
  }
  for (const Edge& edge : graph.edges) {
    if (edge.name.empty()) wrong("expected a name for every edge, got none");
    check_text(edge.name, "edge name");
    if (!tensors.insert(edge.name).second) wrong("expected unique edge names, got {} twice", edge.name);
  }
  for (const auto& [name, weight] : graph.weights) {
    if (tensors.count(name)) wrong("expected weights and edges of different names, got {} for both", name);
  }
  for (const auto& [key, value] : graph.metadata) {
    check_text(key, "metadata key");
    check_text(value, "metadata " + key);
  }
}

void check_node(const Node& node) {
  if (node.attributes.index() != traits(node.op).attributes) {
    wrong("expected the attributes of {}, got others (node {})", to_string(node.op), node.name);
  }
  if (node.activation != Activation::none && !traits(node.op).takes_activation) {
    wrong("expected no fused activation on {}, got {} (node {})", to_string(node.op), to_string(node.activation),
          node.name);
  }
  if (const auto* a = std::get_if<BatchNormAttributes>(&node.attributes)) {
    if (!(a->epsilon >= 0 && a->epsilon < 1 && a->momentum >= 0 && a->momentum <= 1)) {
      wrong("expected epsilon in [0,1) and momentum in [0,1], got {} and {} (node {})", a->epsilon, a->momentum,
            node.name);
    }
  }
}

/// Every edge is made once, before it is used; every node serves an output.
void check_wiring(const Graph& graph) {
  const auto count = static_cast<EdgeId>(graph.edges.size());
  std::vector<int> made_by(graph.edges.size(), -2);  // -2: by nothing, -1: graph input
  const auto in_range = [&](EdgeId id, std::string_view where) {
    if (id < 0 || id >= count) wrong("expected an edge in [0,{}), got {} ({})", count, id, where);
  };
  const auto make = [&](EdgeId id, int maker, std::string_view where) {
    in_range(id, where);
    if (made_by[id] != -2) wrong("expected edge {} to be made once, got twice ({})", graph.edge(id).name, where);
    made_by[id] = maker;
  };
  for (EdgeId id : graph.inputs) make(id, -1, "graph inputs");
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    check_node(node);
    for (EdgeId id : node.inputs) {
      in_range(id, node.name);
      if (made_by[id] == -2) wrong("edge {} is used before it is made (node {})", graph.edge(id).name, node.name);
    }
    for (EdgeId id : node.outputs) make(id, static_cast<int>(i), node.name);
  }
  for (EdgeId id = 0; id < count; ++id) {
    if (made_by[id] == -2) wrong("edge {} is made by nothing", graph.edge(id).name);
  }
  if (graph.inputs.empty() || graph.outputs.empty()) wrong("expected graph inputs and outputs, got none");
  std::set<EdgeId> outputs;
  std::vector<bool> needed(graph.nodes.size());
  for (EdgeId id : graph.outputs) {
    in_range(id, "graph outputs");
    if (!outputs.insert(id).second) wrong("expected different graph outputs, got {} twice", graph.edge(id).name);
    if (made_by[id] < 0) wrong("expected a graph output that a node makes, got {}", graph.edge(id).name);
    needed[made_by[id]] = true;
  }
  for (size_t i = graph.nodes.size(); i-- > 0;) {
    if (!needed[i]) wrong("no graph output depends on node {}", graph.nodes[i].name);
    for (EdgeId id : graph.nodes[i].inputs) {
      if (made_by[id] >= 0) needed[made_by[id]] = true;
    }
  }
}

/// `length`: of the axis that the parameters run along, 1 per tensor.
void check_quant(const QuantParams& quant, int64_t length, const std::string& where) {
  if (quant.dtype != DType::u8 && quant.dtype != DType::i8 && quant.dtype != DType::i32) {
    wrong("expected quantization to uint8, int8 or int32, got {} ({})", to_string(quant.dtype), where);
  }
  const bool wide = quant.dtype == DType::i32;
  const int least = quant.levels.empty() ? 2 : 1;
  if (wide ? quant.bits != 32 : quant.bits < least || quant.bits > 8) {
    wrong("expected {} bits of {}, got {} ({})", wide ? "32" : fmt::format("{} to 8", least), to_string(quant.dtype),
          quant.bits, where);
  }
  const auto scales = static_cast<int64_t>(quant.scale.size());
  if (scales != length || quant.zero_point.size() != quant.scale.size()) {
    wrong("expected {} scales and zero points, got {} and {} ({})", length, scales, quant.zero_point.size(), where);
  }
  for (float scale : quant.scale) {
    if (!std::isfinite(scale) || scale <= 0) wrong("expected scales above 0, got {} ({})", scale, where);
  }
  const bool is_signed = quant.dtype == DType::i8;
  const int64_t low = is_signed ? -(int64_t{1} << (quant.bits - 1)) : 0;
  const int64_t high = wide ? 0 : quant.q_max();
  for (int32_t zero_point : quant.zero_point) {
    if (zero_point < low || zero_point > high) {
      wrong("expected zero points in [{},{}], got {} ({})", low, high, zero_point, where);
    }
  }
}

/// Non-uniform levels: of int8 weights around zero points of 0 alone.
void check_levels(const QuantParams& quant, const std::string& where) {
  const std::vector<int8_t>& levels = quant.levels;
  if (levels.empty()) return;
  if (!is_symmetric_int8(quant)) wrong("expected levels of int8 weights with zero points 0 ({})", where);
  if (levels.size() < 2 || levels.size() > size_t{1} << quant.bits) {
    wrong("expected 2 to {} levels for {} bits, got {} ({})", 1 << quant.bits, quant.bits, levels.size(), where);
  }
  for (size_t i = 0; i < levels.size(); ++i) {
    if (levels[i] < -127) wrong("expected levels in [-127,127], got {} ({})", int64_t{levels[i]}, where);
    if (i > 0 && levels[i] <= levels[i - 1]) wrong("expected ascending levels, each once ({})", where);
  }
  if (quant.bits > 1 && !std::ranges::binary_search(levels, int8_t{0}))
    wrong("expected 0 among the levels, got none ({})", where);
}

/// Scales by groups of inputs: of int8 weights around zero points of 0 alone, products within an int8.
void check_groups(const QuantParams& quant, const Shape& shape, const std::string& where) {
  if (quant.group_size == 0 && quant.group_factors.empty()) return;
  if (!is_symmetric_int8(quant) || !quant.levels.empty()) {
    wrong("expected groups of uniform int8 weights with zero points 0 ({})", where);
  }
  if (quant.group_size < 1 || shape.size() < 2) wrong("expected groups of 1 input or more ({})", where);
  const int64_t factors = shape[0] * group_count(shape, quant.group_size);
  if (static_cast<int64_t>(quant.group_factors.size()) != factors) {
    wrong("expected {} factors of groups, got {} ({})", factors, quant.group_factors.size(), where);
  }
  const int64_t most = kLargestStep / largest_code(quant.bits);
  for (const uint8_t factor : quant.group_factors) {
    if (factor < 1 || factor > most) wrong("expected factors in [1,{}], got {} ({})", most, int{factor}, where);
  }
}

template <typename T>
void check_integers(std::span<const T> values, const QuantParams& quant, const std::string& where) {
  const int64_t low = quant.q_min(), high = quant.q_max();
  for (T q : values) {
    if (q < low || q > high) wrong("expected q in [{},{}], got {} ({})", low, high, int64_t{q}, where);
    if (!quant.levels.empty() && !std::ranges::binary_search(quant.levels, static_cast<int8_t>(q))) {
      wrong("expected q to be one of the {} levels, got {} ({})", quant.levels.size(), int64_t{q}, where);
    }
  }
}

void check_floats(std::span<const float> values, float low, const std::string& where) {
  for (float value : values) {
    if (!std::isfinite(value)) wrong("expected finite values, got {} ({})", value, where);
    if (value < low) wrong("expected values of at least {:g}, got {} ({})", low, value, where);
  }
}

void check_weight(const Node& node, std::string_view role, const Weight& weight, const std::string& name) {
  const bool is_bias = role == "bias", is_norm = node.op == Op::batch_norm;
  const DType dtype = weight.value.dtype();
  if (dtype != DType::f32 && !weight.quant) {
    wrong("expected float32 or quantization parameters, got {} alone ({})", to_string(dtype), name);
  }
  if (dtype == DType::f32) {
    constexpr float kLowest = std::numeric_limits<float>::lowest();
    check_floats(weight.value.values<float>(), is_norm && role == "running_var" ? 0.0f : kLowest, name);
  }
  if (!weight.quant) return;
  const QuantParams& quant = *weight.quant;
  if (is_norm) wrong("expected float batch norm, got quantization parameters ({})", name);
  if (weight.value.shape().empty()) wrong("expected a list of weights, got a scalar ({})", name);
  if (is_bias ? quant.dtype != DType::i32 || dtype != DType::i32 : quant.dtype == DType::i32) {
    wrong("expected an int32 bias and int8 or uint8 weights, got {} as {} ({})", to_string(dtype),
          to_string(quant.dtype), name);
  }
  if (quant.dynamic) wrong("expected scales of weights that are fixed, got dynamic ones ({})", name);
  if (quant.axis != -1 && quant.axis != 0) wrong("expected axis -1 or 0, got {} ({})", quant.axis, name);
  check_quant(quant, quant.axis == -1 ? 1 : weight.value.shape().at(0), name);
  check_levels(quant, name);
  check_groups(quant, weight.value.shape(), name);
  if (dtype == DType::f32) return;
  if (dtype != quant.dtype) {
    wrong("expected {} values, got {} ({})", to_string(quant.dtype), to_string(dtype), name);
  }
  if (dtype == DType::i8) check_integers(weight.value.values<int8_t>(), quant, name);
  if (quant.group_size > 0) group_codes(weight);
  if (dtype == DType::u8) check_integers(weight.value.values<uint8_t>(), quant, name);
}

void check_weights(const Graph& graph) {
  size_t owned = 0;
  for (const Node& node : graph.nodes) {
    for (const WeightRole& role : traits(node.op).weights) {
      if (role.required) graph.required_weight(node, role.name);
      const Weight* found = graph.weight(node, role.name);
      if (!found) continue;
      ++owned;
      check_weight(node, role.name, *found, node.name + "." + std::string(role.name));
    }
  }
  if (owned == graph.weights.size()) return;
  std::set<std::string> known;
  for (const Node& node : graph.nodes) {
    for (const WeightRole& role : traits(node.op).weights) known.insert(node.name + "." + std::string(role.name));
  }
  for (const auto& [name, weight] : graph.weights) {
    if (!known.count(name)) wrong("weight {} belongs to no node", name);
  }
}

void check_edges(const Graph& graph) {
  const std::set<EdgeId> inputs(graph.inputs.begin(), graph.inputs.end());
  Graph inferred = graph;
  infer_shapes(inferred);
  for (size_t i = 0; i < graph.edges.size(); ++i) {
    const Edge& edge = graph.edges[i];
    const bool is_input = inputs.count(static_cast<EdgeId>(i));
    for (int64_t dim : edge.shape) {
      if (dim < 1) wrong("expected dimensions above 0, got {} (edge {})", to_string(edge.shape), edge.name);
    }
    if (edge.shape != inferred.edges[i].shape) {
      wrong("expected shape {}, got {} (edge {})", to_string(inferred.edges[i].shape), to_string(edge.shape),
            edge.name);
    }
    if (edge.shape.empty() || edge.shape[0] != 1) {
      wrong("expected the shape of one image, got {} (edge {})", to_string(edge.shape), edge.name);
    }
    if (edge.dtype != DType::f32) {
      const bool pixels =
          is_input && edge.dtype == DType::u8 && edge.quant && edge.quant->dtype == DType::u8 && edge.quant->bits == 8;
      if (!pixels) {
        wrong("expected float32, or a quantized uint8 graph input of 8 bits, got {} (edge {})", to_string(edge.dtype),
              edge.name);
      }
    }
    if (!edge.quant) continue;
    const std::string where = "edge " + edge.name;
    if (edge.quant->dtype == DType::i32) wrong("expected uint8 or int8, got int32 ({})", where);
    if (!edge.quant->levels.empty()) wrong("expected levels of weights alone, got some of an {}", where);
    if (edge.quant->group_size != 0 || !edge.quant->group_factors.empty()) {
      wrong("expected groups of weights alone, got some of an {}", where);
    }
    if (edge.quant->axis != -1) wrong("expected quantization per tensor, got axis {} ({})", edge.quant->axis, where);
    check_quant(*edge.quant, 1, where);
    if (!edge.quant->dynamic) continue;
    if (is_input) wrong("expected a fixed scale of a graph input, got a dynamic one ({})", where);
    if (*edge.quant != dynamic_params()) {
      wrong("expected uint8 of 8 bits, scale 1 and zero point 0 of a dynamic range, got others ({})", where);
    }
  }
}

}  // namespace

void verify(const Graph& graph) {
  check_names(graph);
  check_wiring(graph);
  check_weights(graph);
  check_edges(graph);
}

}  // namespace quench::graph
