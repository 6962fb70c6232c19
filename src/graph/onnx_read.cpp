#include "graph/onnx_read.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "core/file.h"
#include "core/file_kind.h"
#include "core/hash.h"
#include "graph/onnx_decode.h"
#include "graph/onnx_mark.h"
#include "graph/onnx_reader.h"
#include "graph/onnx_types.h"
#include "graph/op_traits.h"
#include "graph/shape_inference.h"
#include "graph/verify.h"

namespace quench::graph {
namespace {

using onnx_decode::wrong;

Op op_of(const quench_onnx::NodeProto& proto) {
  static const std::map<std::string_view, Op> kOps{
      {"Conv", Op::conv},
      {"BatchNormalization", Op::batch_norm},
      {"Relu", Op::relu},
      {"Sigmoid", Op::sigmoid},
      {"Add", Op::add},
      {"Concat", Op::concat},
      {"MaxPool", Op::max_pool},
      {"Resize", Op::upsample},
      {"Split", Op::split},
      {"Flatten", Op::flatten},
      {"GlobalAveragePool", Op::global_avg_pool},
      {"Gemm", Op::linear},
  };
  if (!proto.domain().empty()) wrong("expected ONNX operations, got domain '{}'", proto.domain());
  if (proto.op_type() == "Mul") return proto.doc_string() == onnx_mark::kSilu ? Op::silu : Op::mul;
  const auto found = kOps.find(proto.op_type());
  if (found == kOps.end()) {
    wrong("operation '{}' is none that a Graph can hold (node {})", proto.op_type(), proto.name());
  }
  return found->second;
}

float marked_momentum(const quench_onnx::NodeProto& proto, float otherwise) {
  std::string_view doc = proto.doc_string();
  if (!doc.starts_with(onnx_mark::kMomentum)) return otherwise;
  doc.remove_prefix(onnx_mark::kMomentum.size());
  float momentum = 0;
  const auto [end, status] = std::from_chars(doc.data(), doc.data() + doc.size(), momentum);
  if (status != std::errc() || end != doc.data() + doc.size()) {
    wrong("expected a momentum, got '{}' (node {})", doc, proto.name());
  }
  return momentum;
}

/// Inputs of a node that are edges; the others are weights and constants. -1: all.
int edge_inputs(Op op) {
  switch (op) {
    case Op::add:
    case Op::mul: return 2;
    case Op::concat: return -1;
    default: return 1;
  }
}

}  // namespace

void OnnxReader::define(const std::string& name, Value value) {
  if (name.empty() || !values_.emplace(name, std::move(value)).second) {
    wrong("expected tensors to be made once under a name, got '{}' again", name);
  }
}

const OnnxReader::Value& OnnxReader::find(const NodeProto& proto, int input) const {
  if (input >= proto.input_size()) {
    wrong("expected more than {} inputs of {} (node {})", input, proto.op_type(), proto.name());
  }
  const auto found = values_.find(proto.input(input));
  if (found == values_.end())
    wrong("tensor '{}' is used before it is made (node {})", proto.input(input), proto.name());
  return found->second;
}

bool OnnxReader::is_kind(const NodeProto& proto, Kind kind) const {
  const auto found = proto.input_size() > 0 ? values_.find(proto.input(0)) : values_.end();
  return found != values_.end() && found->second.kind == kind;
}

const quench_onnx::TensorProto& OnnxReader::constant(const NodeProto& proto, int input) const {
  const Value& value = find(proto, input);
  if (value.kind != Kind::weight) {
    wrong("expected a constant, got '{}' (node {})", proto.input(input), proto.name());
  }
  return *value.tensor;
}

EdgeId OnnxReader::use_edge(const NodeProto& proto, int input) {
  const Value& value = find(proto, input);
  if (value.kind == Kind::edge) {
    if (graph_.edge(value.edge).quant) {
      wrong("edge {} is quantized, but read without (node {})", graph_.edge(value.edge).name, proto.name());
    }
    read_raw_[value.edge] = true;
  } else if (value.kind != Kind::edge_final) {
    wrong("expected an edge, got '{}' (node {})", proto.input(input), proto.name());
  }
  return value.edge;
}

void OnnxReader::read_gate(const NodeProto& proto) {
  if (proto.input_size() != 1 || proto.output_size() != 1) {
    wrong("expected 1 input and 1 output of Sigmoid (node {})", proto.name());
  }
  Value value = find(proto, 0);
  if (value.kind != Kind::edge && value.kind != Kind::edge_final) {
    wrong("expected an edge, got '{}' (node {})", proto.input(0), proto.name());
  }
  value.kind = Kind::gate;
  define(proto.output(0), value);
  ++open_gates_;
}

OnnxReader::Value OnnxReader::take_gate(const NodeProto& proto) {
  if (proto.input_size() != 2) wrong("expected 2 inputs of Mul (node {})", proto.name());
  const Value x = find(proto, 0);
  const Value& gate = find(proto, 1);
  if (x.kind == Kind::gate || gate.kind != Kind::gate || gate.edge != x.edge) {
    wrong("expected x * sigmoid(x), got another product (node {})", proto.name());
  }
  values_.erase(proto.input(1));
  --open_gates_;
  return x;
}

/// The activation of the node before: its edge takes the name of this one's output.
void OnnxReader::read_fused(const NodeProto& proto) {
  const bool silu = proto.op_type() == "Mul";
  if (proto.output_size() != 1) wrong("expected 1 output (node {})", proto.name());
  const Value value = silu ? take_gate(proto) : find(proto, 0);
  if (value.kind != Kind::edge || producer_[value.edge] < 0 || read_raw_[value.edge] || graph_.edge(value.edge).quant) {
    wrong("expected a node whose only reader is its activation (node {})", proto.name());
  }
  Node& node = graph_.nodes[producer_[value.edge]];
  if (!traits(node.op).takes_activation || node.activation != Activation::none) {
    wrong("expected a conv, linear or add before a fused activation, got {} (node {})", to_string(node.op), node.name);
  }
  node.activation = silu ? Activation::silu : Activation::relu;
  values_.erase(graph_.edge(value.edge).name);
  graph_.edge(value.edge).name = proto.output(0);
  define(proto.output(0), value);
}

bool OnnxReader::read_part(const NodeProto& proto) {
  const std::string& type = proto.op_type();
  if (type == "QuantizeLinear") {
    read_quantize(proto);
  } else if (type == "DequantizeLinear") {
    read_dequantize(proto);
  } else if (type == "DynamicQuantizeLinear") {
    read_dynamic_quantize(proto);
  } else if (type == "Cast") {
    is_kind(proto, Kind::weight_products) ? read_groups(proto) : read_codes(proto);
  } else if (type == "Gather") {
    is_kind(proto, Kind::weight_codes) ? read_factors(proto) : read_levels(proto);
  } else if (type == "Mul" && is_kind(proto, Kind::weight_codes)) {
    read_products(proto);
  } else if (proto.doc_string() == onnx_mark::kRange && (type == "Clip" || type == "Min" || type == "Max")) {
    read_range(proto);
  } else if (proto.doc_string() == onnx_mark::kGate && type == "Sigmoid") {
    read_gate(proto);
  } else if (proto.doc_string() == onnx_mark::kActivation && (type == "Mul" || type == "Relu")) {
    read_fused(proto);
  } else {
    return false;
  }
  return true;
}

void OnnxReader::read_attributes(Node& node, const NodeProto& proto) {
  onnx_decode::AttributeReader reader(proto);
  const auto expect_integer = [&](std::string_view name, int64_t wanted, int64_t otherwise) {
    const int64_t got = reader.integer(name, otherwise);
    if (got != wanted) wrong("expected {} {}, got {} (node {})", name, wanted, got, proto.name());
  };
  switch (node.op) {
    case Op::conv: {
      ConvAttributes a;
      a.kernel = reader.pair("kernel_shape", a.kernel);
      a.stride = reader.pair("strides", a.stride);
      a.padding = reader.padding();
      a.dilation = reader.pair("dilations", a.dilation);
      a.groups = reader.integer("group", 1);
      node.attributes = a;
      break;
    }
    case Op::batch_norm: {
      BatchNormAttributes a;
      a.epsilon = reader.real("epsilon", 1e-5f);
      a.momentum = marked_momentum(proto, 1.0f - reader.real("momentum", 0.9f));
      node.attributes = a;
      break;
    }
    case Op::max_pool: {
      PoolAttributes a;
      a.kernel = reader.pair("kernel_shape", a.kernel);
      a.stride = reader.pair("strides", a.stride);
      a.padding = reader.padding();
      node.attributes = a;
      break;
    }
    case Op::upsample: {
      reader.require("mode", "nearest");
      reader.require("coordinate_transformation_mode", "asymmetric");
      reader.require("nearest_mode", "floor");
      const auto scales = onnx_decode::constant<float>(constant(proto, 2));
      constexpr float kMost = 1 << 20;
      if (scales.size() != 4 || scales[0] != 1 || scales[1] != 1 || scales[2] != scales[3] || !(scales[2] >= 1) ||
          scales[2] > kMost || scales[2] != static_cast<float>(static_cast<int64_t>(scales[2]))) {
        wrong("expected scales 1, 1, n, n (node {})", proto.name());
      }
      node.attributes = UpsampleAttributes{static_cast<int64_t>(scales[2])};
      break;
    }
    case Op::split:
      expect_integer("axis", 1, 0);
      node.attributes = SplitAttributes{onnx_decode::constant<int64_t>(constant(proto, 1))};
      break;
    case Op::concat: expect_integer("axis", 1, 0); break;
    case Op::flatten: expect_integer("axis", 1, 1); break;
    case Op::linear: expect_integer("transB", 1, 0); break;
    default: break;
  }
  reader.finish();
}

void OnnxReader::read_weights(Node& node, const NodeProto& proto) {
  int input = 1;
  for (const WeightRole& role : traits(node.op).weights) {
    if (!role.required && input >= proto.input_size()) break;
    graph_.weights[node.name + "." + std::string(role.name)] = weight(proto, input++);
  }
  const int known = node.op == Op::upsample ? 3 : node.op == Op::split ? 2 : input;
  if (proto.input_size() > known) wrong("expected {} inputs, got {} (node {})", known, proto.input_size(), node.name);
}

std::optional<QuantParams> OnnxReader::read_carried(const Node& node, const NodeProto& proto) const {
  if (proto.doc_string() != onnx_mark::kCarried) return std::nullopt;
  const auto quant = node.inputs.empty() ? std::nullopt : graph_.edge(node.inputs[0]).quant;
  const bool same = std::ranges::all_of(node.inputs, [&](EdgeId id) { return graph_.edge(id).quant == quant; });
  if (!traits(node.op).moves_values || !quant || quant->dynamic || !same) {
    wrong("expected a node that moves values of one quantization, as its mark says, got another (node {})",
          proto.name());
  }
  return quant;
}

void OnnxReader::read_node(const NodeProto& proto) {
  if (read_part(proto)) return;
  Node node;
  node.name = proto.name();
  node.op = op_of(proto);
  read_attributes(node, proto);
  if (node.op == Op::silu) {
    take_gate(proto);
    node.inputs = {use_edge(proto, 0)};
  } else {
    const int count = edge_inputs(node.op);
    for (int i = 0; i < (count < 0 ? proto.input_size() : count); ++i) node.inputs.push_back(use_edge(proto, i));
    if (count == 1) read_weights(node, proto);
    if (count == 2 && proto.input_size() != 2) wrong("expected 2 inputs (node {})", proto.name());
  }
  const std::optional<QuantParams> carried = read_carried(node, proto);
  for (const std::string& output : proto.output()) {
    const EdgeId id = graph_.add_edge({output, {}, DType::f32, carried});
    producer_.push_back(static_cast<int>(graph_.nodes.size()));
    read_raw_.push_back(false);
    node.outputs.push_back(id);
    define(output, {carried ? Kind::edge_final : Kind::edge, id, nullptr, std::nullopt});
  }
  graph_.nodes.push_back(std::move(node));
}

void OnnxReader::read_inputs() {
  for (const auto& input : proto_.input()) {
    const onnx_decode::Value value = onnx_decode::value(input);
    const EdgeId id = graph_.add_edge({input.name(), value.shape, value.dtype, std::nullopt});
    producer_.push_back(-1);
    read_raw_.push_back(false);
    graph_.inputs.push_back(id);
    const Kind kind = value.dtype == DType::f32 ? Kind::edge : Kind::edge_quantized;
    define(input.name(), {kind, id, nullptr, std::nullopt});
  }
}

void OnnxReader::read_outputs() {
  for (const auto& output : proto_.output()) {
    const auto found = values_.find(output.name());
    if (found == values_.end()) wrong("graph output '{}' is made by nothing", output.name());
    const Value& value = found->second;
    Edge* edge = value.edge >= 0 ? &graph_.edge(value.edge) : nullptr;
    if (!edge || (value.kind != Kind::edge_final && (value.kind != Kind::edge || edge->quant))) {
      wrong("expected an edge as graph output, got '{}'", output.name());
    }
    edge->name = output.name();  // of a quantized edge, the file calls the last tensor so
    graph_.outputs.push_back(value.edge);
  }
}

namespace {

/// A Graph's layers own their weights: what is done to those of one layer (pruning, rounding, training) must not change
/// another's, and cannot be done to both alike.
void require_own_weights(const quench_onnx::GraphProto& graph) {
  std::map<std::string_view, const quench_onnx::NodeProto*> owners;
  for (const quench_onnx::NodeProto& node : graph.node()) {
    if (node.op_type() != "Conv" && node.op_type() != "Gemm" && node.op_type() != "BatchNormalization") continue;
    for (int i = 1; i < node.input_size(); ++i) {
      if (node.input(i).empty()) continue;
      const auto [owner, is_new] = owners.try_emplace(node.input(i), &node);
      if (is_new) continue;
      wrong("expected layers with weights of their own, got '{}' shared by nodes {} and {}", node.input(i),
            owner->second->name(), node.name());
    }
  }
}

}  // namespace

Graph OnnxReader::graph() {
  if (proto_.sparse_initializer_size()) wrong("expected dense constants, got sparse ones");
  require_own_weights(proto_);
  for (const auto& tensor : proto_.initializer()) {
    define(tensor.name(), {Kind::weight, -1, &tensor, std::nullopt});
  }
  read_inputs();
  for (const NodeProto& node : proto_.node()) read_node(node);
  if (open_gates_) wrong("expected every marked Sigmoid to end in a Mul, got {} that do not", open_gates_);
  read_outputs();
  return std::move(graph_);
}

namespace {

/// Checks that it is a model of ours; gives the metadata without the version.
std::map<std::string, std::string> read_metadata(const quench_onnx::ModelProto& model) {
  std::map<std::string, std::string> metadata;
  for (const auto& entry : model.metadata_props()) {
    if (!metadata.emplace(entry.key(), entry.value()).second) wrong("metadata '{}' stands twice", entry.key());
  }
  if (!metadata.erase(std::string(onnx_mark::kVersionKey))) {
    wrong("expected a model that quench wrote (metadata {}), got one by '{}'", onnx_mark::kVersionKey,
          model.producer_name());
  }
  if (const auto outputs = metadata.find(std::string(onnx_mark::kOutputsKey)); outputs != metadata.end()) {
    wrong(
        "expected a model with raw outputs, got one exported with {} outputs for other tools; keep the model file "
        "itself",
        outputs->second);
  }
  if (model.functions_size() || model.training_info_size()) wrong("expected a plain graph, got functions or training");
  for (const auto& opset : model.opset_import()) {
    if (opset.domain().empty() && (opset.version() < kOpset || opset.version() > kNewestOpset)) {
      wrong("expected opset {} to {}, got {}", kOpset, kNewestOpset, opset.version());
    }
  }
  return metadata;
}

Graph read_model_proto(std::string_view bytes) {
  quench_onnx::ModelProto model;
  if (bytes.size() > static_cast<size_t>(std::numeric_limits<int32_t>::max()) ||
      !model.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) || !model.has_graph()) {
    const std::string kind = file_kind(bytes);
    if (!kind.empty()) wrong("expected an ONNX model, got {}", kind);
    if (bytes.starts_with("PK")) wrong("expected an ONNX model, got a zip archive, as .pt files are: `quench import`");
    wrong("expected an ONNX model, got {} bytes that are none or are truncated", bytes.size());
  }
  std::map<std::string, std::string> metadata = read_metadata(model);
  Graph graph = OnnxReader(model.graph()).graph();
  graph.metadata = std::move(metadata);
  infer_shapes(graph);
  verify(graph);
  return graph;
}

}  // namespace

Graph read_onnx(std::string_view bytes, std::string_view where) {
  try {
    return read_model_proto(bytes);
  } catch (const Error& error) {
    fail(error.kind(), "{}: {}", where, error.what());
  }
}

ModelFile read_model(const std::filesystem::path& path) {
  ModelFile file;
  file.path = path;
  file.bytes = read_file(path);
  file.sha256 = sha256_hex(file.bytes);
  file.graph = read_onnx(file.bytes, path.string());
  return file;
}

}  // namespace quench::graph
