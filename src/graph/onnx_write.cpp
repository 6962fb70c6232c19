#include "graph/onnx_write.h"

#include <algorithm>
#include <limits>

#include "core/error.h"
#include "core/file.h"
#include "core/hash.h"
#include "graph/free_name.h"
#include "graph/onnx_encode.h"
#include "graph/onnx_mark.h"
#include "graph/onnx_types.h"
#include "graph/onnx_writer.h"
#include "graph/op_traits.h"
#include "graph/verify.h"

namespace quench::graph {
namespace {

/// 13: the first with per-axis QuantizeLinear; nothing newer is needed.

const char* op_type(Op op) {
  switch (op) {
    case Op::conv: return "Conv";
    case Op::batch_norm: return "BatchNormalization";
    case Op::silu: return "Mul";  // of its input and the gate, a Sigmoid
    case Op::relu: return "Relu";
    case Op::sigmoid: return "Sigmoid";
    case Op::add: return "Add";
    case Op::mul: return "Mul";
    case Op::concat: return "Concat";
    case Op::max_pool: return "MaxPool";
    case Op::upsample: return "Resize";
    case Op::split: return "Split";
    case Op::global_avg_pool: return "GlobalAveragePool";
    case Op::flatten: return "Flatten";
    case Op::linear: return "Gemm";
  }
  fail(ErrorKind::internal, "[graph.onnx] unknown operation");
}

std::vector<int64_t> list(const std::array<int64_t, 2>& pair) { return {pair[0], pair[1]}; }
std::vector<int64_t> both_ends(const std::array<int64_t, 2>& p) { return {p[0], p[1], p[0], p[1]}; }

}  // namespace

OnnxWriter::OnnxWriter(const Graph& graph)
    : graph_(graph), out_(*model_.mutable_graph()), edges_(graph.edges.size()), edge_constants_(graph.edges.size()) {
  for (const Edge& edge : graph.edges) tensors_.insert(edge.name);
  for (const auto& [name, weight] : graph.weights) tensors_.insert(name);
  for (const Node& node : graph.nodes) nodes_.insert(node.name);
  for (EdgeId id : graph.outputs) edges_[id].is_output = true;
  for (const Node& node : graph.nodes) {
    for (EdgeId id : node.inputs) ++edges_[id].uses;
  }
  for (size_t i = 0; i < edges_.size(); ++i) {
    const Edge& edge = graph.edges[i];
    edges_[i].raw = edges_[i].is_output && edge.quant ? tensor_name(edge.name + "/float") : edge.name;
  }
  mark_carried();
}

/// OpenVINO rounds at a pair on what was rounded before, in a pass of its own: none stands where nothing changes.
void OnnxWriter::mark_carried() {
  const auto target = graph_.metadata.find("target");
  if (target == graph_.metadata.end() || target->second != "openvino") return;
  for (const Node& node : graph_.nodes) {
    const auto& quant = node.inputs.empty() ? std::nullopt : graph_.edge(node.inputs[0]).quant;
    if (!traits(node.op).moves_values || !quant || quant->dynamic) continue;
    const auto same = [&](EdgeId id) { return graph_.edge(id).quant == quant; };
    const auto inside = [&](EdgeId id) { return same(id) && !edges_[id].is_output; };
    if (!std::ranges::all_of(node.inputs, same) || !std::ranges::all_of(node.outputs, inside)) continue;
    for (const EdgeId id : node.outputs) edges_[id].carried = true;
  }
}

std::string OnnxWriter::take(std::set<std::string>& used, std::string wanted) {
  return *used.insert(free_name(std::move(wanted), [&](const std::string& name) { return used.count(name); })).first;
}

quench_onnx::NodeProto& OnnxWriter::add_node(std::string_view op_type, const std::string& name,
                                             const std::vector<std::string>& inputs, const std::string& output) {
  quench_onnx::NodeProto& node = *out_.add_node();
  node.set_op_type(std::string(op_type));
  node.set_name(name);
  for (const std::string& input : inputs) node.add_input(input);
  if (!output.empty()) node.add_output(output);
  return node;
}

std::string OnnxWriter::add_constant(const std::string& wanted, const Tensor& tensor, int bits) {
  const std::string name = tensor_name(wanted);
  onnx_encode::set_tensor(*out_.add_initializer(), name, tensor, bits);
  return name;
}

void OnnxWriter::write_attributes(const Node& node, quench_onnx::NodeProto& proto) {
  using onnx_encode::set_attribute;
  switch (node.op) {
    case Op::conv: {
      const auto& a = node.as<ConvAttributes>();
      set_attribute(proto, "kernel_shape", list(a.kernel));
      set_attribute(proto, "strides", list(a.stride));
      set_attribute(proto, "pads", both_ends(a.padding));
      set_attribute(proto, "dilations", list(a.dilation));
      set_attribute(proto, "group", a.groups);
      return;
    }
    case Op::batch_norm: {
      const auto& a = node.as<BatchNormAttributes>();
      set_attribute(proto, "epsilon", a.epsilon);
      set_attribute(proto, "momentum", 1.0f - a.momentum);  // ONNX's is the weight of the old value
      proto.set_doc_string(fmt::format("{}{}", onnx_mark::kMomentum, a.momentum));
      return;
    }
    case Op::concat:
    case Op::flatten: set_attribute(proto, "axis", int64_t{1}); return;
    case Op::max_pool: {
      const auto& a = node.as<PoolAttributes>();
      set_attribute(proto, "kernel_shape", list(a.kernel));
      set_attribute(proto, "strides", list(a.stride));
      set_attribute(proto, "pads", both_ends(a.padding));
      return;
    }
    case Op::upsample: {
      const auto factor = static_cast<float>(node.as<UpsampleAttributes>().factor);
      set_attribute(proto, "mode", std::string_view("nearest"));
      set_attribute(proto, "coordinate_transformation_mode", std::string_view("asymmetric"));
      set_attribute(proto, "nearest_mode", std::string_view("floor"));
      proto.add_input("");  // region of interest: not used in this mode
      proto.add_input(add_constant(node.name + "/scales", Tensor::from(std::vector<float>{1, 1, factor, factor}, {4})));
      return;
    }
    case Op::split: {
      const auto& sizes = node.as<SplitAttributes>().sizes;
      set_attribute(proto, "axis", int64_t{1});
      proto.add_input(add_constant(node.name + "/sizes", Tensor::from(sizes, {static_cast<int64_t>(sizes.size())})));
      return;
    }
    case Op::linear: set_attribute(proto, "transB", int64_t{1}); return;
    default: return;
  }
}

/// y = x * sigmoid(x). `raw`: the tensor to read twice, or empty to read `edge` as consumers do.
void OnnxWriter::write_silu(const std::string& name, std::string_view mark, EdgeId edge, const std::string& raw,
                            const std::string& output) {
  const std::string gate = tensor_name(name + "/gate");
  add_node("Sigmoid", node_name(name + "/sigmoid"), {raw.empty() ? read_edge(edge) : raw}, gate)
      .set_doc_string(std::string(onnx_mark::kGate));
  const std::string x = raw.empty() ? read_edge(edge) : raw;
  add_node("Mul", name, {x, gate}, output).set_doc_string(std::string(mark));
}

void OnnxWriter::write_node(const Node& node) {
  if (node.op == Op::silu) {
    write_silu(node.name, onnx_mark::kSilu, node.inputs[0], "", edges_[node.outputs[0]].raw);
  } else {
    std::vector<std::string> inputs;
    for (EdgeId id : node.inputs) inputs.push_back(read_edge(id));
    for (const WeightRole& role : traits(node.op).weights) {
      if (const Weight* weight = graph_.weight(node, role.name))
        inputs.push_back(read_weight(node, role.name, *weight));
    }
    const bool fused = node.activation != Activation::none;
    auto& proto = add_node(op_type(node.op), node.name, inputs, "");
    write_attributes(node, proto);
    if (fused) {
      const std::string before = tensor_name(node.name + "/before_activation");
      const std::string& after = edges_[node.outputs[0]].raw;
      proto.add_output(before);
      const std::string name = node_name(node.name + "/activation");
      if (node.activation == Activation::silu) {
        write_silu(name, onnx_mark::kActivation, node.outputs[0], before, after);
      } else {
        add_node("Relu", name, {before}, after).set_doc_string(std::string(onnx_mark::kActivation));
      }
    } else {
      for (EdgeId id : node.outputs) proto.add_output(edges_[id].raw);
      if (edges_[node.outputs[0]].carried) proto.set_doc_string(std::string(onnx_mark::kCarried));
    }
  }
  for (EdgeId id : node.outputs) quantize_edge(id);
}

void OnnxWriter::write_inputs() {
  for (EdgeId id : graph_.inputs) {
    const Edge& edge = graph_.edge(id);
    onnx_encode::set_value(*out_.add_input(), edge.name, edge.dtype, edge.shape);
    if (edge.dtype != DType::f32) edges_[id].quantized = edge.name;
    quantize_edge(id);
  }
}

void OnnxWriter::write_outputs() {
  for (EdgeId id : graph_.outputs) {
    const Edge& edge = graph_.edge(id);
    onnx_encode::set_value(*out_.add_output(), edge.name, DType::f32, edge.shape);
  }
  for (const Node& node : graph_.nodes) {
    for (EdgeId id : node.outputs) {
      const Edge& edge = graph_.edge(id);
      if (!edges_[id].is_output) onnx_encode::set_value(*out_.add_value_info(), edge.name, DType::f32, edge.shape);
    }
  }
}

quench_onnx::ModelProto OnnxWriter::model() {
  model_.set_producer_name("quench");
  model_.set_producer_version(QUENCH_VERSION);
  auto& opset = *model_.add_opset_import();
  opset.set_domain("");
  for (const auto& [key, value] : graph_.metadata) {
    auto& entry = *model_.add_metadata_props();
    entry.set_key(key);
    entry.set_value(value);
  }
  auto& version = *model_.add_metadata_props();
  version.set_key(std::string(onnx_mark::kVersionKey));
  version.set_value(QUENCH_VERSION);

  const auto name = graph_.metadata.find("model");
  out_.set_name(name == graph_.metadata.end() || name->second.empty() ? "quench" : name->second);
  write_inputs();
  for (const Node& node : graph_.nodes) write_node(node);
  write_outputs();
  const bool int2 = least_bits_ <= 2, int4 = least_bits_ <= 4;
  model_.set_ir_version(int2 ? kInt2IrVersion : int4 ? kInt4IrVersion : kIrVersion);
  opset.set_version(int2 ? kInt2Opset : int4 ? kInt4Opset : kOpset);
  return std::move(model_);
}

quench_onnx::ModelProto written_model(const Graph& graph) {
  verify(graph);
  for (const std::string_view key : {onnx_mark::kVersionKey, onnx_mark::kOutputsKey}) {
    if (graph.metadata.count(std::string(key))) {
      fail(ErrorKind::data, "[graph.onnx] expected metadata without {}, which the writer sets", key);
    }
  }
  return OnnxWriter(graph).model();
}

std::string serialized(const quench_onnx::ModelProto& model) {
  const size_t size = model.ByteSizeLong();
  if (size > std::numeric_limits<int32_t>::max()) {
    fail(ErrorKind::data, "[graph.onnx] expected a model below 2 GiB, got {} bytes", size);
  }
  std::string bytes;
  if (!model.SerializeToString(&bytes)) fail(ErrorKind::backend, "[graph.onnx] protobuf could not write the model");
  return bytes;
}

std::string write_onnx(const Graph& graph) { return serialized(written_model(graph)); }

std::string save_onnx(const Graph& graph, const std::filesystem::path& path) {
  const std::string bytes = write_onnx(graph);
  write_file(path, bytes);
  return sha256_hex(bytes);
}

}  // namespace quench::graph
