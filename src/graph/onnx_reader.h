#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "graph/graph.h"
#include "quench_onnx.pb.h"

namespace quench::graph {

/// Turns one ONNX graph of unknown origin into a Graph (not yet verified). Use: `OnnxReader(proto).graph()`.
class OnnxReader {
 public:
  explicit OnnxReader(const quench_onnx::GraphProto& proto) : proto_(proto) {}
  Graph graph();

 private:
  using NodeProto = quench_onnx::NodeProto;

  /// What an ONNX tensor stands for.
  enum class Kind {
    edge,            ///< an edge as its producer makes it
    edge_clipped,    ///< ... held in a reduced range
    edge_quantized,  ///< ... after QuantizeLinear, or a uint8 graph input
    edge_final,      ///< ... after DequantizeLinear
    edge_scale,      ///< of an edge, from DynamicQuantizeLinear
    edge_zero_point,
    gate,    ///< sigmoid of an edge, half of a silu
    weight,  ///< an initializer
    weight_clamped,
    weight_quantized,
    weight_codes,     ///< codes of levels or groups, or factors of groups, after Cast
    weight_levels,    ///< codes of levels after Gather
    weight_factors,   ///< factors of groups after Gather
    weight_products,  ///< codes times factors
    weight_groups,    ///< ... after Cast
    weight_final,
  };
  struct Value {
    Kind kind;
    EdgeId edge = -1;
    const quench_onnx::TensorProto* tensor = nullptr;
    std::optional<QuantParams> quant;
    std::vector<int8_t> levels = {};                      ///< of weight_levels
    const quench_onnx::TensorProto* factors = nullptr;    ///< of weight_products and weight_groups
    int64_t group_size = 0;                               ///< ... and of weight_factors
    int64_t inputs = 0;                                   ///< that weight_factors are for
    const quench_onnx::TensorProto* unrounded = nullptr;  ///< the floats behind the codes, where there are some
  };

  // onnx_read.cpp
  void read_inputs();
  void read_outputs();
  void read_node(const NodeProto& proto);
  /// Whether the node was no node of the Graph but a part of one.
  bool read_part(const NodeProto& proto);
  void read_gate(const NodeProto& proto);
  void read_fused(const NodeProto& proto);
  void read_attributes(Node& node, const NodeProto& proto);
  void read_weights(Node& node, const NodeProto& proto);
  /// The quantization that a node's outputs have from its inputs; none without the mark.
  std::optional<QuantParams> read_carried(const Node& node, const NodeProto& proto) const;
  const Value& find(const NodeProto& proto, int input) const;
  const quench_onnx::TensorProto& constant(const NodeProto& proto, int input) const;
  /// Whether the first input of a node is known, and of that kind.
  bool is_kind(const NodeProto& proto, Kind kind) const;
  void define(const std::string& name, Value value);
  /// The edge that input i of a node reads.
  EdgeId use_edge(const NodeProto& proto, int input);
  /// x of the Mul that ends a silu; its other input, the gate of the same x, is used up.
  Value take_gate(const NodeProto& proto);

  // onnx_read_quant.cpp
  void read_range(const NodeProto& proto);
  void read_quantize(const NodeProto& proto);
  void read_dequantize(const NodeProto& proto);
  void read_dynamic_quantize(const NodeProto& proto);
  void read_dynamic_dequantize(const NodeProto& proto);
  void read_codes(const NodeProto& proto);
  void read_levels(const NodeProto& proto);
  void read_factors(const NodeProto& proto);
  void read_products(const NodeProto& proto);
  void read_groups(const NodeProto& proto);
  /// The float weights that a node's mark names beside the codes; null without a mark.
  const quench_onnx::TensorProto* unrounded(const NodeProto& proto) const;
  QuantParams quant_params(const NodeProto& proto) const;
  Weight weight(const NodeProto& proto, int input) const;

  const quench_onnx::GraphProto& proto_;
  Graph graph_;
  std::map<std::string, Value> values_;
  std::vector<int> producer_;   ///< node of each edge, -1 for graph inputs
  std::vector<bool> read_raw_;  ///< whether a consumer saw the edge without quantization
  size_t open_gates_ = 0;
};

}  // namespace quench::graph
