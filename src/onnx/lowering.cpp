#include "onnx/lowering.h"

#include <algorithm>

#include "core/error.h"
#include "core/utf8.h"
#include "graph/passes.h"
#include "graph/shape_inference.h"
#include "onnx/compose_silu.h"
#include "onnx/evaluate.h"
#include "onnx/join_splits.h"

namespace quench::onnx {
namespace {

using graph::EdgeId;
using quench_onnx::TensorProto;

constexpr int64_t kMostSide = 8192;
constexpr int64_t kMostFolded = int64_t{1} << 28;  // elements of all that is computed before a model runs

}  // namespace

const std::map<std::string_view, Lowering::Function>& Lowering::functions() {
  static const std::map<std::string_view, Function> all{
      {"Conv", &Lowering::conv},
      {"BatchNormalization", &Lowering::batch_norm},
      {"Gemm", &Lowering::gemm},
      {"MatMul", &Lowering::matmul},
      {"MaxPool", &Lowering::max_pool},
      {"AveragePool", &Lowering::average_pool},
      {"GlobalAveragePool", &Lowering::global_average_pool},
      {"ReduceMean", &Lowering::reduce_mean},
      {"Relu", &Lowering::relu},
      {"Sigmoid", &Lowering::sigmoid},
      {"Add", &Lowering::add_values},
      {"Sub", &Lowering::subtract},
      {"Mul", &Lowering::multiply},
      {"Div", &Lowering::divide},
      {"Concat", &Lowering::concat},
      {"Split", &Lowering::split},
      {"Slice", &Lowering::slice},
      {"Resize", &Lowering::resize},
      {"Upsample", &Lowering::resize},
      {"Flatten", &Lowering::flatten},
      {"Reshape", &Lowering::flatten},
      {"Squeeze", &Lowering::flatten},
      {"Identity", &Lowering::pass},
      {"Dropout", &Lowering::pass},
      {"Cast", &Lowering::cast},
  };
  return all;
}

Lowering::Lowering(const Document& document, int64_t height, int64_t width) : document_(document) {
  raw_.constants = document.constants;
  for (const auto& [name, tensor] : raw_.constants) known_[name] = {Known::Kind::constant, -1};
  for (const NodeProto* node : document.nodes) {
    for (const std::string& input : node->input()) ++uses_[input];
  }
  for (const auto& output : document.proto.graph().output()) ++uses_[output.name()];
  raw_.graph.edges.push_back({"", {1, 3, height, width}, DType::f32, std::nullopt});
  take_input();
}

/// The one input that is no constant; the shape that it may be is that of edge 0.
void Lowering::take_input() {
  const auto& graph = document_.proto.graph();
  std::vector<const quench_onnx::ValueInfoProto*> inputs;
  std::set<std::string_view> constants;
  for (const TensorProto& tensor : graph.initializer()) constants.insert(tensor.name());
  for (const auto& input : graph.input()) {
    if (!constants.contains(input.name())) inputs.push_back(&input);
  }
  if (inputs.size() != 1) {
    fail(ErrorKind::unsupported, "[onnx] expected one input, the images, got {}", inputs.size());
  }
  const auto& type = inputs[0]->type().tensor_type();
  const auto& dims = type.shape().dim();
  std::string text;
  for (const auto& dim : dims) {
    text += (text.empty() ? "" : ",") + (dim.has_dim_value() ? std::to_string(dim.dim_value()) : "?");
  }
  const bool is_float = type.elem_type() == TensorProto::FLOAT || type.elem_type() == TensorProto::FLOAT16 ||
                        type.elem_type() == TensorProto::DOUBLE || type.elem_type() == TensorProto::BFLOAT16;
  if (!is_float || dims.size() != 4 || (dims[1].has_dim_value() && dims[1].dim_value() != 3)) {
    fail(ErrorKind::unsupported, "[onnx] expected floats [N,3,H,W] as input, got type {} [{}] ({})", type.elem_type(),
         text, inputs[0]->name());
  }
  graph::Edge& edge = raw_.graph.edges[0];
  edge.name = inputs[0]->name();
  for (const int axis : {0, 2, 3}) {
    const bool fixed = dims[axis].has_dim_value();
    const int64_t given = dims[axis].dim_value();
    if (fixed && (given < 1 || given > kMostSide)) {
      fail(ErrorKind::data, "[onnx] expected dimensions from 1 to {}, got [{}] ({})", kMostSide, text, edge.name);
    }
    if (axis == 0) {
      raw_.batch = fixed ? given : 1;
    } else if (fixed) {
      edge.shape[axis] = given;
    } else if (edge.shape[axis] < 1) {
      fail(ErrorKind::config,
           "[onnx] expected a size of images, which the file leaves open ([{}]): `quench import FILE --imgsz 640 -o "
           "OUT.onnx` says it",
           text);
    }
  }
  raw_.graph.inputs = {0};
  known_[edge.name] = {Known::Kind::edge, 0};
}

void Lowering::define(const std::string& name, Known known) {
  if (!name.empty()) known_[name] = known;
}

const Lowering::Known* Lowering::known(const NodeProto& node, int input) const {
  if (input >= node.input_size() || node.input(input).empty()) return nullptr;
  return &known_.at(node.input(input));
}

EdgeId Lowering::edge(const NodeProto& node, int input) const {
  const Known* found = known(node, input);
  if (found && found->kind == Known::Kind::edge) return found->edge;
  throw NotHeld{found && found->kind == Known::Kind::flat ? "an input of flattened maps" : "a constant as input"};
}

const Tensor* Lowering::constant(const NodeProto& node, int input) const {
  const Known* found = known(node, input);
  return found && found->kind == Known::Kind::constant ? &raw_.constants.at(node.input(input)) : nullptr;
}

const Tensor& Lowering::floats(const NodeProto& node, int input) const {
  const Tensor* found = constant(node, input);
  if (!found || found->dtype() != DType::f32) throw NotHeld{"weights that are computed as it runs"};
  return *found;
}

std::string Lowering::free_name(const NodeProto& node, const char* suffix) const {
  std::string name = node.name();
  if (name.empty() || utf8_prefix(name) != name.size()) name = node.op_type() + "_" + node.output(0);
  name += suffix;
  std::string free = name;
  for (int i = 1; names_.contains(free); ++i) free = fmt::format("{}_{}", name, i);
  return free;
}

std::vector<EdgeId> Lowering::add(graph::Node node, std::map<std::string, Tensor> weights,
                                  const std::vector<std::string>& outputs) {
  graph::Graph& graph = raw_.graph;
  std::vector<Shape> inputs, shapes;
  for (const EdgeId id : node.inputs) inputs.push_back(shape(id));
  for (auto& [role, value] : weights) graph.weights[node.name + "." + role] = {std::move(value), std::nullopt};
  try {
    shapes = graph::infer_outputs(graph, node, inputs);
    if (shapes.size() != outputs.size()) throw NotHeld{fmt::format("{} outputs", outputs.size())};
  } catch (const Error& error) {
    for (const auto& [role, value] : weights) graph.weights.erase(node.name + "." + role);
    throw NotHeld{error.what()};
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    node.outputs.push_back(graph.add_edge({outputs[i], shapes[i], DType::f32, std::nullopt}));
  }
  names_.insert(node.name);
  graph.nodes.push_back(node);
  return node.outputs;
}

void Lowering::add_single(const NodeProto& node, graph::Op op, std::vector<EdgeId> inputs, graph::Attributes attributes,
                          std::map<std::string, Tensor> weights) {
  graph::Node made{free_name(node), op, std::move(attributes), std::move(inputs), {}, graph::Activation::none};
  alias(node, add(std::move(made), std::move(weights), {node.output(0)}).front());
}

/// What does not depend on the image is computed now.
bool Lowering::fold(const NodeProto& node) {
  std::vector<Tensor> outputs;
  if ((node.op_type() == "Shape" || node.op_type() == "Size") && known(node, 0) &&
      known(node, 0)->kind == Known::Kind::edge) {
    Shape whole = shape(known(node, 0)->edge);
    whole[0] = raw_.batch;
    if (node.op_type() == "Size") {
      outputs = {Tensor::from(std::vector<int64_t>{element_count(whole)}, {})};
    } else {
      const Attributes attributes(node);
      const auto rank = static_cast<int64_t>(whole.size());
      const auto place = [&](const char* name, int64_t otherwise) {
        const int64_t value = attributes.integer(name, otherwise);
        return std::clamp<int64_t>(value < 0 ? value + rank : value, 0, rank);
      };
      const int64_t begin = place("start", 0), end = std::max(begin, place("end", rank));
      const std::vector<int64_t> part(whole.begin() + begin, whole.begin() + end);
      outputs = {Tensor::from(part, {static_cast<int64_t>(part.size())})};
    }
  } else {
    std::vector<const Tensor*> inputs;
    for (int i = 0; i < node.input_size(); ++i) {
      const Known* found = known(node, i);
      if (found && found->kind != Known::Kind::constant) return false;
      inputs.push_back(found ? constant(node, i) : nullptr);
    }
    if (!can_evaluate(node)) return false;
    try {
      outputs = evaluate(node, inputs, document_.opset);
    } catch (const Error& error) {
      lose(node, error.what());
      return true;
    }
  }
  for (int i = 0; i < node.output_size() && i < static_cast<int>(outputs.size()); ++i) {
    folded_elements_ += outputs[i].size();
    if (folded_elements_ > kMostFolded) {
      fail(ErrorKind::data, "[onnx] expected constants that fit memory, got more than {} elements (node {})",
           kMostFolded, node.name());
    }
    raw_.constants[node.output(i)] = std::move(outputs[i]);
    define(node.output(i), {Known::Kind::constant, -1});
  }
  return true;
}

/// A node that the Graph does not hold. It counts unless it is one of those that compute shapes, which would be
/// computed if the Graph held what they are shapes of.
void Lowering::lose(const NodeProto& node, const std::string& why) {
  bool only_shapes = node.op_type() == "Shape" || node.op_type() == "Size", follows = false;
  bool of_shapes = node.input_size() > 0;
  for (int i = 0; i < node.input_size(); ++i) {
    const Known* found = known(node, i);
    if (!found) continue;
    if (found->kind == Known::Kind::edge || found->kind == Known::Kind::flat) read_by_lost_.insert(found->edge);
    of_shapes &= found->kind == Known::Kind::shape || found->kind == Known::Kind::constant;
    follows |= found->kind == Known::Kind::lost || found->kind == Known::Kind::shape;
  }
  only_shapes |= follows && of_shapes && can_evaluate(node);
  for (const std::string& output : node.output()) {
    define(output, {only_shapes ? Known::Kind::shape : Known::Kind::lost, -1});
  }
  const bool has = functions().contains(node.op_type());
  if (only_shapes || (follows && has)) return;
  ++raw_.unheld[node.op_type()];
  if (has && raw_.first_reason.empty()) raw_.first_reason = fmt::format("{}: {}", node.op_type(), why);
}

void Lowering::take(const NodeProto& node) {
  if (node.output_size() == 0) return;
  const bool standard = node.domain().empty() || node.domain() == "ai.onnx";
  if (standard && fold(node)) return;
  bool follows = false;
  for (int i = 0; i < node.input_size(); ++i) {
    const Known* found = known(node, i);
    follows |= found && (found->kind == Known::Kind::lost || found->kind == Known::Kind::shape);
  }
  const auto function = functions().find(node.op_type());
  if (follows || !standard || function == functions().end()) return lose(node, "");
  try {
    (this->*function->second)(node);
  } catch (const NotHeld& not_held) {
    lose(node, not_held.why);
  }
}

void Lowering::take_outputs() {
  graph::Graph& graph = raw_.graph;
  for (const auto& output : document_.proto.graph().output()) {
    const auto found = known_.find(output.name());
    const Known known = found == known_.end() ? Known{} : found->second;
    if (known.kind == Known::Kind::constant) {
      fail(ErrorKind::unsupported, "[onnx] expected outputs that depend on the image, got a constant ({})",
           output.name());
    }
    if (known.kind == Known::Kind::edge || known.kind == Known::Kind::flat) {
      if (known.edge == 0 || known.kind == Known::Kind::flat) {
        ++raw_.unheld[known.edge == 0 ? "Identity" : "Flatten"];
      } else if (raw_.unheld.empty() && std::ranges::count(graph.outputs, known.edge) == 0) {
        graph.outputs.push_back(known.edge);
      }
      read_by_lost_.insert(known.edge);
    }
  }
  if (!raw_.unheld.empty()) {
    graph.outputs.clear();
    for (const EdgeId id : read_by_lost_) {
      if (id != 0) graph.outputs.push_back(id);
    }
  }
}

RawGraph Lowering::run() {
  for (const NodeProto* node : document_.nodes) take(*node);
  take_outputs();
  if (!raw_.graph.outputs.empty()) raw_.graph = graph::compact(join_splits(compose_silu(std::move(raw_.graph))));
  return std::move(raw_);
}

RawGraph read_raw_graph(const Document& document, int64_t height, int64_t width) {
  return Lowering(document, height, width).run();
}

std::string unheld_text(const RawGraph& raw) {
  std::vector<std::string> parts;
  for (const auto& [op, count] : raw.unheld) parts.push_back(fmt::format("{} x{}", op, count));
  const std::string list = fmt::format("{}", fmt::join(parts, ", "));
  return raw.first_reason.empty() ? list : fmt::format("{} ({})", list, raw.first_reason);
}

}  // namespace quench::onnx
