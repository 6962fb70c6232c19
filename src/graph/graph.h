#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/dtype.h"
#include "core/shape.h"
#include "core/tensor.h"

namespace quench::graph {

using quench::to_string;

/// Index into Graph::edges.
using EdgeId = int32_t;

enum class Op {
  conv,        ///< 2-D convolution; weights `weight` [O, I/groups, kh, kw], optional `bias` [O]
  batch_norm,  ///< over channels; weights `weight bias running_mean running_var` [C]
  silu,        ///< x * sigmoid(x)
  relu,
  sigmoid,
  add,     ///< two inputs of one shape
  mul,     ///< two inputs of one shape
  concat,  ///< along channels (axis 1)
  max_pool,
  upsample,         ///< nearest, integer factor
  split,            ///< along channels, sizes in attributes, one output each
  global_avg_pool,  ///< [N,C,H,W] -> [N,C,1,1]
  flatten,          ///< [N,C,1,1] -> [N,C]
  linear,           ///< weights `weight` [O, I], optional `bias` [O]
};

/// Snake-case name ("global_avg_pool").
const char* to_string(Op op);

enum class Activation { none, silu, relu };
const char* to_string(Activation activation);

struct ConvAttributes {
  std::array<int64_t, 2> kernel{1, 1};  ///< height, width
  std::array<int64_t, 2> stride{1, 1};
  std::array<int64_t, 2> padding{0, 0};  ///< the same at both ends
  std::array<int64_t, 2> dilation{1, 1};
  int64_t groups = 1;
  bool operator==(const ConvAttributes&) const = default;
};
struct BatchNormAttributes {
  float epsilon = 1e-3f;   ///< YOLOv5 and YOLOv8: 1e-3
  float momentum = 0.03f;  ///< LibTorch's convention: running = (1 - m) * running + m * batch
  bool operator==(const BatchNormAttributes&) const = default;
};
struct PoolAttributes {
  std::array<int64_t, 2> kernel{1, 1};
  std::array<int64_t, 2> stride{1, 1};
  std::array<int64_t, 2> padding{0, 0};
  bool operator==(const PoolAttributes&) const = default;
};
struct UpsampleAttributes {
  int64_t factor = 2;
  bool operator==(const UpsampleAttributes&) const = default;
};
struct SplitAttributes {
  std::vector<int64_t> sizes;
  bool operator==(const SplitAttributes&) const = default;
};
using Attributes = std::variant<std::monostate, ConvAttributes, BatchNormAttributes, PoolAttributes, UpsampleAttributes,
                                SplitAttributes>;

/// One operation. Its weights are found in Graph::weights under `name + "." + role`
/// (`model.2.cv1.conv` owns `model.2.cv1.conv.weight`).
struct Node {
  std::string name;  ///< unique; the published module path where there is one
  Op op = Op::add;
  Attributes attributes;
  std::vector<EdgeId> inputs;
  std::vector<EdgeId> outputs;
  /// Applied to the output of conv, linear or add (fused by graph::fuse_activations).
  Activation activation = Activation::none;

  /// The attributes as T. Throws Error{internal} where the node has others.
  template <typename T>
  const T& as() const;
};

/// Affine quantization x = scale * (q - zero_point) (docs/quantization.md).
struct QuantParams {
  DType dtype = DType::u8;
  int bits = 8;                     ///< q is clamped to `bits` of dtype's range (reduced range where < 8)
  std::vector<float> scale;         ///< one, or one per index of `axis`
  std::vector<int32_t> zero_point;  ///< as many as scale
  int axis = -1;                    ///< -1: per tensor
  /// Of weights with non-uniform levels (graph/levels.h): the only values that q takes, ascending, each once, with 0,
  /// at most 2^bits of them within [-127,127]. Empty: every integer of the range.
  std::vector<int8_t> levels = {};
  /// Of weights with scales by groups of inputs: every q is a code of `bits` bits times its group's factor, 1 or more,
  /// so that q is an int8. Group g holds inputs [g * group_size, (g+1) * group_size) of one output channel;
  /// group_factors are [outputs, groups]. 0 and empty: none.
  int64_t group_size = 0;
  std::vector<uint8_t> group_factors = {};
  /// Of activations: scale and zero point are those of each image's own values, found as the model runs.
  bool dynamic = false;
  bool operator==(const QuantParams&) const = default;

  /// Smallest and largest q: u8 8 bit [0,255]; i8 8 bit [-127,127] for weights (symmetric, restricted range,
  /// so that -q exists), [-128,127] where any zero point is not 0; 7 bit: [-63,63]. Of levels: plus and minus the
  /// largest magnitude among them.
  int64_t q_min() const;
  int64_t q_max() const;
};

/// A value that flows. Shapes are for one image (dimension 0, the batch, is 1 and stands for any N).
struct Edge {
  std::string name;  ///< unique; what ONNX calls the tensor
  Shape shape;
  DType dtype = DType::f32;  ///< what enters or leaves at graph inputs; f32 inside
  /// Where set, the value passes a quantize/dequantize pair, and all consumers see the result.
  std::optional<QuantParams> quant;
  bool operator==(const Edge&) const = default;
};

/// A named constant. With `quant`: an integer tensor holds q; a float tensor is fake-quantized when used (QAT).
struct Weight {
  Tensor value;
  std::optional<QuantParams> quant;
  bool operator==(const Weight&) const = default;
};

/// The one form of a model. Nodes stand in topological order. Plain data: passes take one and return another.
///
/// Input: edge `images`, [1,3,H,W] RGB. float32 in [0,1], or (dtype u8 with quant scale 1/255) raw pixels.
struct Graph {
  std::vector<Node> nodes;
  std::vector<Edge> edges;
  std::vector<EdgeId> inputs;
  std::vector<EdgeId> outputs;
  std::map<std::string, Weight> weights;
  /// task (classify|detect), model, classes (JSON list), imgsz, stride, anchors, reg_max, method, parent_sha256, ...
  std::map<std::string, std::string> metadata;

  EdgeId add_edge(Edge edge);
  const Edge& edge(EdgeId id) const { return edges.at(static_cast<size_t>(id)); }
  Edge& edge(EdgeId id) { return edges.at(static_cast<size_t>(id)); }

  /// Weight of a node by role ("weight", "bias", "running_mean"), or nullptr.
  const Weight* weight(const Node& node, std::string_view role) const;
  Weight* weight(const Node& node, std::string_view role);
  /// As weight(), but throws Error{data} naming node and role where it is missing.
  const Weight& required_weight(const Node& node, std::string_view role) const;
};

/// Same nodes, names, attributes, wiring, weights and metadata, whatever the order of edge ids.
bool operator==(const Graph& a, const Graph& b);

[[noreturn]] void fail_attributes(const Node& node);

template <typename T>
const T& Node::as() const {
  if (const T* value = std::get_if<T>(&attributes)) return *value;
  fail_attributes(*this);
}

}  // namespace quench::graph
