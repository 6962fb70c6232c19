#include "graph/graph.h"

#include <algorithm>

#include "core/error.h"

namespace quench::graph {

const char* to_string(Op op) {
  switch (op) {
    case Op::conv: return "conv";
    case Op::batch_norm: return "batch_norm";
    case Op::silu: return "silu";
    case Op::relu: return "relu";
    case Op::sigmoid: return "sigmoid";
    case Op::add: return "add";
    case Op::mul: return "mul";
    case Op::concat: return "concat";
    case Op::max_pool: return "max_pool";
    case Op::upsample: return "upsample";
    case Op::split: return "split";
    case Op::global_avg_pool: return "global_avg_pool";
    case Op::flatten: return "flatten";
    case Op::linear: return "linear";
  }
  return "unknown";
}

const char* to_string(Activation activation) {
  switch (activation) {
    case Activation::none: return "none";
    case Activation::silu: return "silu";
    case Activation::relu: return "relu";
  }
  return "unknown";
}

int64_t QuantParams::q_max() const {
  if (!levels.empty()) return std::max(-int64_t{levels.front()}, int64_t{levels.back()});
  if (dtype == DType::u8) return (int64_t{1} << bits) - 1;
  const int64_t factor = group_factors.empty() ? 1 : *std::ranges::max_element(group_factors);
  if (dtype == DType::i8) return factor * ((int64_t{1} << (bits - 1)) - 1);
  return integer_range(dtype).max;
}

int64_t QuantParams::q_min() const {
  if (dtype == DType::u8) return 0;
  if (dtype != DType::i8) return integer_range(dtype).min;
  const bool symmetric = std::all_of(zero_point.begin(), zero_point.end(), [](int32_t z) { return z == 0; });
  return symmetric ? -q_max() : -q_max() - 1;
}

EdgeId Graph::add_edge(Edge edge) {
  edges.push_back(std::move(edge));
  return static_cast<EdgeId>(edges.size()) - 1;
}

const Weight* Graph::weight(const Node& node, std::string_view role) const {
  const auto found = weights.find(node.name + "." + std::string(role));
  return found == weights.end() ? nullptr : &found->second;
}

Weight* Graph::weight(const Node& node, std::string_view role) {
  return const_cast<Weight*>(std::as_const(*this).weight(node, role));
}

const Weight& Graph::required_weight(const Node& node, std::string_view role) const {
  if (const Weight* found = weight(node, role)) return *found;
  fail(ErrorKind::data, "[graph] expected weight '{}' of {} node {}, got none", role, to_string(node.op), node.name);
}

namespace {

bool same_edges(const Graph& a, const std::vector<EdgeId>& ids_a, const Graph& b, const std::vector<EdgeId>& ids_b) {
  return std::equal(ids_a.begin(), ids_a.end(), ids_b.begin(), ids_b.end(),
                    [&](EdgeId x, EdgeId y) { return a.edge(x) == b.edge(y); });
}

}  // namespace

bool operator==(const Graph& a, const Graph& b) {
  const auto same_node = [&](const Node& x, const Node& y) {
    return x.name == y.name && x.op == y.op && x.attributes == y.attributes && x.activation == y.activation &&
           same_edges(a, x.inputs, b, y.inputs) && same_edges(a, x.outputs, b, y.outputs);
  };
  return a.metadata == b.metadata && a.weights == b.weights && same_edges(a, a.inputs, b, b.inputs) &&
         same_edges(a, a.outputs, b, b.outputs) &&
         std::equal(a.nodes.begin(), a.nodes.end(), b.nodes.begin(), b.nodes.end(), same_node);
}

void fail_attributes(const Node& node) {
  fail(ErrorKind::internal, "[graph] node {} ({}) has attributes of another operation", node.name, to_string(node.op));
}

}  // namespace quench::graph
