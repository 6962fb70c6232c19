#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "graph/graph.h"
#include "quench_onnx.pb.h"

namespace quench::graph {

/// The ONNX message of a Graph, verified first. Throws Error{data}.
quench_onnx::ModelProto written_model(const Graph& graph);

/// The message as bytes; equal messages give equal bytes. Throws Error{data} from 2 GiB on, Error{backend}.
std::string serialized(const quench_onnx::ModelProto& model);

/// Writes one verified Graph into an ONNX message. Use: `OnnxWriter(graph).model()`.
class OnnxWriter {
 public:
  explicit OnnxWriter(const Graph& graph);
  quench_onnx::ModelProto model();

 private:
  /// The ONNX tensors of one edge.
  struct EdgeTensors {
    std::string raw;        ///< what the producer makes
    std::string quantized;  ///< output of QuantizeLinear, or a uint8 graph input
    bool is_output = false;
    bool carried = false;  ///< quantized as what it is made of: no pair of its own
    int uses = 0;
  };

  // onnx_write.cpp
  void write_inputs();
  void write_outputs();
  void write_node(const Node& node);
  void write_silu(const std::string& name, std::string_view mark, EdgeId edge, const std::string& raw,
                  const std::string& output);
  void write_attributes(const Node& node, quench_onnx::NodeProto& proto);
  void mark_carried();
  quench_onnx::NodeProto& add_node(std::string_view op_type, const std::string& name,
                                   const std::vector<std::string>& inputs, const std::string& output);
  /// Adds a constant under a free name like `wanted`, packed where a value has 4 or 2 bits; returns the name.
  std::string add_constant(const std::string& wanted, const Tensor& tensor, int bits = 8);
  std::string tensor_name(std::string wanted) { return take(tensors_, std::move(wanted)); }
  std::string node_name(std::string wanted) { return take(nodes_, std::move(wanted)); }
  static std::string take(std::set<std::string>& used, std::string wanted);

  // onnx_write_quant.cpp
  /// Name of the tensor that one consumer of the edge reads: with `quant` its own DequantizeLinear.
  std::string read_edge(EdgeId id);
  /// Name of the tensor that the node reads its weight from.
  std::string read_weight(const Node& node, std::string_view role, const Weight& weight);
  /// The same of a weight with levels: codes, which a Gather turns into levels. Float weights stand beside them.
  std::string read_levels(const std::string& name, const Weight& weight);
  /// The same of a weight with scales by groups: codes times the factors of their groups.
  std::string read_groups(const std::string& name, const Weight& weight);
  /// The constant that says of each input which group it is in; one for all weights of as many inputs.
  std::string group_index(int64_t inputs, int64_t group_size);
  /// A Cast of a tensor; returns the name of its output.
  std::string cast(const std::string& owner, const std::string& what, const std::string& input, DType to);
  /// QuantizeLinear after the producer of an edge with `quant`, or DynamicQuantizeLinear.
  void quantize_edge(EdgeId id);
  void write_dynamic_quantize(EdgeId id);
  /// Names of tensors: constants, or what DynamicQuantizeLinear gives.
  struct QuantConstants {
    std::string scale, zero_point;
  };
  /// bits: of a value in the file.
  QuantConstants quant_constants(const std::string& owner, const QuantParams& quant, int bits = 8);
  void write_quantize(const std::string& owner, const QuantParams& quant, const QuantConstants& constants,
                      const std::string& input, const std::string& output);
  void write_dequantize(const std::string& owner, const QuantParams& quant, const QuantConstants& constants,
                        const std::string& input, const std::string& output);
  std::string clip_edge(const Edge& edge, const std::string& raw);
  std::string clamp_weight(const std::string& name, const Weight& weight);

  const Graph& graph_;
  quench_onnx::ModelProto model_;
  quench_onnx::GraphProto& out_;
  std::vector<EdgeTensors> edges_;
  std::vector<QuantConstants> edge_constants_;
  std::set<std::string> tensors_;
  std::set<std::string> nodes_;
  std::map<std::pair<int64_t, int64_t>, std::string> group_indices_;  ///< by inputs and size of a group
  int least_bits_ = 8;                                                ///< that a weight so far takes in the file
};

}  // namespace quench::graph
