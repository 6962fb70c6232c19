#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "onnx/attributes.h"
#include "onnx/raw_graph.h"

namespace quench::onnx {

/// Thrown and caught within this folder: a form of an operator that a Graph cannot hold.
struct NotHeld {
  std::string why;
};

/// Turns nodes of ONNX into nodes of a Graph, one after the other.
class Lowering {
 public:
  Lowering(const Document& document, int64_t height, int64_t width);
  RawGraph run();

 private:
  using NodeProto = quench_onnx::NodeProto;
  /// One operator: adds nodes. Throws NotHeld.
  using Function = void (Lowering::*)(const NodeProto& node);

  /// What a tensor is.
  struct Known {
    enum class Kind {
      constant,  ///< RawGraph::constants has it
      edge,
      flat,   ///< an edge [N,C,H,W] as [N,C*H*W], which only a linear layer can read
      lost,   ///< made by what a Graph cannot hold
      shape,  ///< ... and a shape of that, or computed from one
    };
    Kind kind = Kind::lost;
    graph::EdgeId edge = -1;
  };

  static const std::map<std::string_view, Function>& functions();

  // lowering.cpp
  void take(const NodeProto& node);
  bool fold(const NodeProto& node);
  void lose(const NodeProto& node, const std::string& why);
  void take_input();
  void take_outputs();
  const Known* known(const NodeProto& node, int input) const;
  graph::EdgeId edge(const NodeProto& node, int input) const;
  /// Null where it is no constant, or not there.
  const Tensor* constant(const NodeProto& node, int input) const;
  const Tensor& floats(const NodeProto& node, int input) const;
  const Shape& shape(graph::EdgeId id) const { return raw_.graph.edge(id).shape; }
  std::string free_name(const NodeProto& node, const char* suffix = "") const;
  /// Adds a node with its weights; `outputs` are the names of its edges. Throws NotHeld where its shapes do not fit.
  std::vector<graph::EdgeId> add(graph::Node node, std::map<std::string, Tensor> weights,
                                 const std::vector<std::string>& outputs);
  void add_single(const NodeProto& node, graph::Op op, std::vector<graph::EdgeId> inputs,
                  graph::Attributes attributes = {}, std::map<std::string, Tensor> weights = {});
  void define(const std::string& name, Known known);
  void alias(const NodeProto& node, graph::EdgeId id) { define(node.output(0), {Known::Kind::edge, id}); }

  // lower_layers.cpp
  void conv(const NodeProto& node);
  void batch_norm(const NodeProto& node);
  void gemm(const NodeProto& node);
  void matmul(const NodeProto& node);
  void linear(const NodeProto& node, const Tensor& weight, bool transposed, float alpha, const Tensor* bias,
              float beta);
  void max_pool(const NodeProto& node);
  void average_pool(const NodeProto& node);
  void global_average_pool(const NodeProto& node);
  void reduce_mean(const NodeProto& node);

  // lower_values.cpp
  void relu(const NodeProto& node);
  void sigmoid(const NodeProto& node);
  void add_values(const NodeProto& node);
  void subtract(const NodeProto& node);
  void multiply(const NodeProto& node);
  void divide(const NodeProto& node);
  void pair(const NodeProto& node, graph::Op op);
  void affine(const NodeProto& node, graph::EdgeId x, std::vector<float> factor, std::vector<float> shift);
  bool into_bias(const NodeProto& node, graph::EdgeId x, const std::vector<float>& shift);
  std::vector<float> per_channel(const Tensor& constant, graph::EdgeId x) const;
  void concat(const NodeProto& node);
  void split(const NodeProto& node);
  void slice(const NodeProto& node);
  void resize(const NodeProto& node);
  void flatten(const NodeProto& node);
  void pass(const NodeProto& node);
  void cast(const NodeProto& node);

  const Document& document_;
  RawGraph raw_;
  std::map<std::string, Known> known_;
  std::map<std::string, int> uses_;  ///< of each tensor, by nodes and as output
  std::set<graph::EdgeId> read_by_lost_;
  std::set<std::string> names_;
  int64_t folded_elements_ = 0;
};

}  // namespace quench::onnx
