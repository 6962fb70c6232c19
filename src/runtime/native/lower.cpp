#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"
#include "graph/dynamic_range.h"
#include "graph/links.h"
#include "graph/op_traits.h"
#include "graph/passes.h"
#include "graph/quantized.h"
#include "runtime/native/act_table.h"
#include "runtime/native/layer_weights.h"
#include "runtime/native/program.h"
#include "runtime/native/wide_weights.h"
#include "runtime/requantization.h"

namespace quench::runtime::native {

using graph::Activation;
using graph::EdgeId;
using graph::Graph;
using graph::Node;
using graph::Op;

namespace {

[[noreturn]] void unsupported(const std::string& name, const std::string& what) {
  fail(ErrorKind::unsupported, "[runtime.native] {} (node {})", what, name);
}

Step8 step_of(const graph::QuantParams& quant, const std::string& edge) {
  if (quant.scale.size() != 1) {
    fail(ErrorKind::unsupported, "[runtime.native] expected one scale for activation '{}', got {}", edge,
         quant.scale.size());
  }
  const int32_t shift = quant.dtype == DType::i8 ? 128 : 0;
  return {quant.scale[0], quant.zero_point[0] + shift, static_cast<int32_t>(quant.q_min()) + shift,
          static_cast<int32_t>(quant.q_max()) + shift};
}

/// Integers less than 0 are cut off: relu as the quantizer's own bound.
Step8 without_negatives(Step8 step) {
  step.low = std::max(step.low, step.zero_point);
  return step;
}

class Lowering {
 public:
  explicit Lowering(const Graph& graph)
      : graph_(graph),
        links_(graph),
        u8_(graph.edges.size(), -1),
        f32_(graph.edges.size(), -1),
        dynamic_(graph.edges.size(), -1),
        taken_(graph.nodes.size(), false) {
    out_.dyadic = has_dyadic_requantization(graph);
  }

  Program run() {
    load();
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      if (!taken_[i]) node(graph_.nodes[i]);
    }
    for (const EdgeId edge : graph_.outputs) out_.outputs.push_back({as_f32(edge, "output"), graph_.edge(edge).shape});
    for (Program::Output& output : out_.outputs) output.direct = made_for_output(output.value);
    return std::move(out_);
  }

 private:
  const Shape& shape(EdgeId edge) const { return graph_.edge(edge).shape; }
  int& u8_of(EdgeId edge) { return u8_[static_cast<size_t>(edge)]; }
  int& f32_of(EdgeId edge) { return f32_[static_cast<size_t>(edge)]; }
  int& dynamic_of(EdgeId edge) { return dynamic_[static_cast<size_t>(edge)]; }
  bool is_dynamic(EdgeId edge) const { return graph::is_dynamic(graph_.edge(edge)); }
  const Value& value(int id) const { return out_.values[static_cast<size_t>(id)]; }
  /// Of a quantized edge whose step is known beforehand.
  std::optional<Step8> step(EdgeId edge) const {
    const graph::Edge& e = graph_.edge(edge);
    if (!e.quant || e.quant->dynamic) return std::nullopt;
    return step_of(*e.quant, e.name);
  }
  bool is_output(EdgeId edge) const { return links_.is_output[static_cast<size_t>(edge)]; }
  const std::vector<int>& consumers(EdgeId edge) const { return links_.consumers[static_cast<size_t>(edge)]; }

  int add_value(EdgeId edge, std::optional<Step8> step8) {
    const Shape& s = shape(edge);
    Value v{graph_.edge(edge).name, step8.has_value(), 1, 1, s.at(1), step8.value_or(Step8{})};
    if (s.size() == 4) v.height = s[2], v.width = s[3];
    out_.values.push_back(v);
    return static_cast<int>(out_.values.size()) - 1;
  }

  /// Whether one convolution makes the value and one output alone reads it.
  bool made_for_output(int id) const {
    bool convolution = false;
    int64_t uses = 0;
    for (const Instruction& instruction : out_.instructions) {
      uses += std::count(instruction.inputs.begin(), instruction.inputs.end(), id);
      if (std::count(instruction.outputs.begin(), instruction.outputs.end(), id) == 0) continue;
      convolution = is_conv(instruction.kind);
    }
    for (const Program::Output& output : out_.outputs) uses += output.value == id;
    return convolution && uses == 1;
  }

  Instruction& emit(Kind kind, const std::string& name, std::vector<int> inputs, std::vector<int> outputs) {
    Instruction& instruction = out_.instructions.emplace_back();
    instruction.kind = kind;
    instruction.name = name;
    instruction.inputs = std::move(inputs);
    instruction.outputs = std::move(outputs);
    return instruction;
  }

  int as_f32(EdgeId edge, const std::string& reader) {
    if (f32_of(edge) >= 0) return f32_of(edge);
    const int from = u8_of(edge) >= 0 ? u8_of(edge) : dynamic_of(edge);
    ensure(from >= 0, "[runtime.native] '{}' is read before it is made (node {})", graph_.edge(edge).name, reader);
    return f32_of(edge) = dequantized(from, edge, reader);
  }
  int dequantized(int id, EdgeId like, const std::string& name) {
    const int out = add_value(like, std::nullopt);
    emit(Kind::dequantize, name, {id}, {out});
    return out;
  }

  /// A float value has been made for the edge: quantized where the edge is.
  void made_f32(EdgeId edge, int id, const std::string& name) {
    if (is_dynamic(edge)) {
      dynamic_of(edge) = add_value(edge, Step8{});
      out_.values.back().dynamic = true;
      emit(Kind::quantize_dynamic, name, {id}, {dynamic_of(edge)});
    } else if (const auto to = step(edge)) {
      u8_of(edge) = add_value(edge, to);
      emit(Kind::quantize, name, {id}, {u8_of(edge)});
    } else {
      f32_of(edge) = id;
    }
  }
  /// A u8 value has been made for the edge: requantized where the edge's parameters are others.
  void made_u8(EdgeId edge, int id, const std::string& name) {
    if (is_dynamic(edge)) return made_f32(edge, dequantized(id, edge, name), name);
    const auto to = step(edge);
    if (!to || *to == value(id).step) {
      u8_of(edge) = id;
      return;
    }
    u8_of(edge) = requantized(id, edge, *to, name);
  }
  int requantized(int id, EdgeId like, const Step8& to, const std::string& name) {
    Value v = value(id);
    v.step = to;
    v.name = graph_.edge(like).name;
    const Table table = make_table(value(id).step, to, [](double x) { return x; });
    out_.values.push_back(v);
    const int out = static_cast<int>(out_.values.size()) - 1;
    emit(Kind::table, name, {id}, {out}).table = table;
    return out;
  }

  void load() {
    if (graph_.inputs.size() != 1) {
      fail(ErrorKind::unsupported, "[runtime.native] expected a model of one input, got {}", graph_.inputs.size());
    }
    const EdgeId edge = graph_.inputs[0];
    if (shape(edge).size() != 4) {
      fail(ErrorKind::unsupported, "[runtime.native] expected an input [1,C,H,W], got {}",
           quench::to_string(shape(edge)));
    }
    const bool raw = graph_.edge(edge).dtype == DType::u8;
    const auto s = step(edge);
    if (raw && !s)
      fail(ErrorKind::unsupported, "[runtime.native] uint8 input '{}' has no scale", graph_.edge(edge).name);
    out_.input = add_value(edge, raw ? s : std::nullopt);
    emit(Kind::load, graph_.edge(edge).name, {}, {out_.input});
    if (raw) {
      u8_of(edge) = out_.input;
    } else {
      made_f32(edge, out_.input, graph_.edge(edge).name);
    }
  }

  void node(const Node& n) {
    switch (n.op) {
      case Op::conv:
      case Op::linear: return weighted(n);
      case Op::silu:
      case Op::relu:
      case Op::sigmoid: return unary(n);
      case Op::add: return add(n);
      case Op::mul: {
        const int a = as_f32(n.inputs[0], n.name), b = as_f32(n.inputs[1], n.name);
        return float_result(n, Kind::mul_f32, {a, b});
      }
      case Op::concat: return concat(n);
      case Op::max_pool: return moved(n, Kind::max_pool);
      case Op::upsample: return moved(n, Kind::upsample);
      case Op::split: return split(n);
      case Op::flatten: return flatten(n);
      case Op::global_avg_pool: return average(n);
      case Op::batch_norm: unsupported(n.name, "batch norm that does not follow a convolution");
    }
    unsupported(n.name, std::string("operation ") + graph::to_string(n.op));
  }

  Instruction& float_result_instruction(const Node& n, Kind kind, std::vector<int> inputs, int& out) {
    out = add_value(n.outputs[0], std::nullopt);
    Instruction& instruction = emit(kind, n.name, std::move(inputs), {out});
    instruction.activation = n.activation;
    instruction.attributes = n.attributes;
    return instruction;
  }
  void float_result(const Node& n, Kind kind, std::vector<int> inputs) {
    int out = -1;
    float_result_instruction(n, kind, std::move(inputs), out);
    made_f32(n.outputs[0], out, n.name);
  }

  // --- convolutions and linear layers ---

  void weighted(const Node& n) {
    const graph::Weight& weight = graph_.required_weight(n, "weight");
    const graph::Weight* bias = graph_.weight(n, "bias");
    if (weight.quant && weight.value.dtype() == DType::f32)
      unsupported(n.name, "weights that are still float: convert first");
    const EdgeId in = n.inputs[0], out = n.outputs[0];
    const Shape& ws = weight.value.shape();
    if (n.op == Op::linear && shape(in).size() != 2) unsupported(n.name, "linear layer of other than [N,C]");
    Instruction layer;
    layer.name = n.name;
    layer.attributes = n.op == Op::conv ? n.attributes : graph::ConvAttributes{};
    const int64_t pixels = n.op == Op::conv ? shape(out).at(2) * shape(out).at(3) : 1;
    layer.macs = weight.value.size() * pixels;
    const int bytes = u8_of(in) >= 0 ? u8_of(in) : dynamic_of(in);
    const bool integer = weight.quant && bytes >= 0;
    const Shape four = n.op == Op::conv ? ws : Shape{ws.at(0), ws.at(1), 1, 1};
    if (!integer) {
      layer.kind = Kind::conv_f32;
      layer.weight = float_weight(weight).reshaped(four);
      layer.bias = bias ? float_weight(*bias) : Tensor(DType::f32, {ws[0]});
      layer.activation = n.activation;
      make_wide(layer, bytes);
      layer.inputs = {layer.kind == Kind::conv_w16 ? bytes : as_f32(in, n.name)};
      const int made = add_value(out, std::nullopt);
      layer.outputs = {made};
      out_.instructions.push_back(std::move(layer));
      return made_f32(out, made, n.name);
    }
    layer.kind = Kind::conv_u8;
    layer.inputs = {bytes};
    const bool dynamic = value(bytes).dynamic;
    IntegerWeights weights = integer_weights(weight, dynamic ? nullptr : bias, value(bytes).step.scale, n.name);
    layer.weight = weights.weight.reshaped(four);
    layer.weight_scale = std::move(weights.scale);
    layer.bias = std::move(weights.bias);
    if (dynamic) layer.bias = bias ? float_weight(*bias) : Tensor(DType::f32, {ws[0]});
    const auto to = step(out);
    if (to && !dynamic) {
      layer.step = n.activation == Activation::relu ? without_negatives(*to) : *to;
      if (n.activation == Activation::silu) {
        if (out_.dyadic)
          unsupported(n.name, "'requantization: dyadic' and a SiLU of floats: quantize with 'silu_tables'");
        layer.activation = n.activation;  // relu is the step's lower bound
      }
      layer.dyadic = out_.dyadic;
      const EdgeId last = absorb(out, layer);
      const int made = add_value(last, step(last));
      layer.outputs = {made};
      out_.instructions.push_back(std::move(layer));
      u8_of(last) = made;
    } else {
      layer.activation = n.activation;
      const int made = add_value(out, std::nullopt);
      layer.outputs = {made};
      out_.instructions.push_back(std::move(layer));
      made_f32(out, made, n.name);
    }
  }

  /// Gives a float layer that reads bytes of one pixel weights of 16 bits. bytes: -1 where it reads floats.
  void make_wide(Instruction& layer, int bytes) const {
    const auto& conv = std::get<graph::ConvAttributes>(layer.attributes);
    const bool one_pixel = layer.weight.shape()[2] == 1 && layer.weight.shape()[3] == 1 && conv.groups == 1 &&
                           conv.padding == graph::ConvAttributes{}.padding;
    if (bytes < 0 || value(bytes).dynamic || !one_pixel) return;
    std::optional<WideWeights> wide = wide_weights(layer.weight);
    if (!wide) return;
    layer.kind = Kind::conv_w16;
    layer.wide = std::move(wide->values);
    layer.weight_scale = std::move(wide->scale);
  }

  /// Takes what follows a quantized edge value by value into the layer's table. Returns the last edge taken.
  EdgeId absorb(EdgeId edge, Instruction& layer) {
    while (!is_output(edge)) {
      const std::vector<int>& readers = consumers(edge);
      std::optional<Table> next;
      EdgeId after = edge;
      if (readers.size() == 1) {
        const Node& n = graph_.nodes[static_cast<size_t>(readers[0])];
        if (!graph::traits(n.op).pointwise || !step(n.outputs[0])) break;
        after = n.outputs[0];
        next = make_table(*step(edge), *step(after), n.op);
      } else if (readers.size() == 2) {
        next = gate(edge, readers, after);
      }
      if (!next) break;
      layer.table = layer.table ? chained(*layer.table, *next) : *next;
      for (const int reader : readers) taken_[static_cast<size_t>(reader)] = true;
      edge = after;
    }
    return edge;
  }

  /// x * sigmoid(x), each quantized by itself (the placement of onnxruntime).
  std::optional<Table> gate(EdgeId edge, const std::vector<int>& readers, EdgeId& after) const {
    const Node& first = graph_.nodes[static_cast<size_t>(readers[0])];
    const Node& second = graph_.nodes[static_cast<size_t>(readers[1])];
    if (first.op != Op::sigmoid || second.op != Op::mul) return std::nullopt;
    const EdgeId opening = first.outputs[0];
    const bool joined = std::find(second.inputs.begin(), second.inputs.end(), opening) != second.inputs.end();
    if (!joined || consumers(opening).size() != 1 || is_output(opening)) return std::nullopt;
    const auto from = step(edge), sigmoid = step(opening), to = step(second.outputs[0]);
    if (!sigmoid || !to) return std::nullopt;
    after = second.outputs[0];
    return gate_table(*from, *sigmoid, *to);
  }

  // --- the others ---

  void unary(const Node& n) {
    const EdgeId in = n.inputs[0], out = n.outputs[0];
    if (u8_of(in) >= 0 && step(out)) {
      const int made = add_value(out, step(out));
      emit(Kind::table, n.name, {u8_of(in)}, {made}).table = make_table(value(u8_of(in)).step, *step(out), n.op);
      u8_of(out) = made;
      return;
    }
    int made = -1;
    const int from = as_f32(in, n.name);
    float_result_instruction(n, Kind::unary_f32, {from}, made).unary = n.op;
    made_f32(out, made, n.name);
  }

  void add(const Node& n) {
    const int a = u8_of(n.inputs[0]), b = u8_of(n.inputs[1]);
    const auto to = step(n.outputs[0]);
    if (a < 0 || b < 0 || !to || n.activation == Activation::silu) {
      const int x = as_f32(n.inputs[0], n.name), y = as_f32(n.inputs[1], n.name);
      return float_result(n, Kind::add_f32, {x, y});
    }
    const int made = add_value(n.outputs[0], to);
    Instruction& sum = emit(Kind::add_u8, n.name, {a, b}, {made});
    sum.step = n.activation == Activation::relu ? without_negatives(*to) : *to;
    sum.dyadic = out_.dyadic;
    u8_of(n.outputs[0]) = made;
  }

  void concat(const Node& n) {
    const bool integer = !is_dynamic(n.outputs[0]) &&
                         std::all_of(n.inputs.begin(), n.inputs.end(), [&](EdgeId e) { return u8_of(e) >= 0; });
    std::vector<int> parts;
    if (integer) {
      const Step8 to = step(n.outputs[0]).value_or(value(u8_of(n.inputs[0])).step);
      const bool equal =
          std::all_of(n.inputs.begin(), n.inputs.end(), [&](EdgeId e) { return value(u8_of(e)).step == to; });
      if (equal || step(n.outputs[0])) {
        for (const EdgeId edge : n.inputs) {
          const int id = u8_of(edge);
          parts.push_back(value(id).step == to ? id : requantized(id, edge, to, n.name));
        }
        const int made = add_value(n.outputs[0], to);
        emit(Kind::concat, n.name, parts, {made});
        u8_of(n.outputs[0]) = made;
        return;
      }
    }
    for (const EdgeId edge : n.inputs) parts.push_back(as_f32(edge, n.name));
    float_result(n, Kind::concat, parts);
  }

  /// Operations that keep values as they are: in u8 where the input is.
  void moved(const Node& n, Kind kind) {
    const EdgeId in = n.inputs[0], out = n.outputs[0];
    if (u8_of(in) < 0) return float_result(n, kind, {as_f32(in, n.name)});
    const int made = add_value(out, value(u8_of(in)).step);
    emit(kind, n.name, {u8_of(in)}, {made}).attributes = n.attributes;
    made_u8(out, made, n.name);
  }

  void split(const Node& n) {
    const EdgeId in = n.inputs[0];
    const bool integer = u8_of(in) >= 0;
    const int from = integer ? u8_of(in) : as_f32(in, n.name);
    std::vector<int> parts;
    for (const EdgeId edge : n.outputs) {
      parts.push_back(add_value(edge, integer ? std::optional(value(from).step) : std::nullopt));
    }
    emit(Kind::split, n.name, {from}, parts);
    for (size_t i = 0; i < parts.size(); ++i) {
      integer ? made_u8(n.outputs[i], parts[i], n.name) : made_f32(n.outputs[i], parts[i], n.name);
    }
  }

  void flatten(const Node& n) {
    const EdgeId in = n.inputs[0], out = n.outputs[0];
    if (shape(in).size() != 4 || shape(in)[2] != 1 || shape(in)[3] != 1)
      unsupported(n.name, "flatten of more than one pixel");
    if (u8_of(in) >= 0) return made_u8(out, u8_of(in), n.name);
    made_f32(out, as_f32(in, n.name), n.name);
  }

  void average(const Node& n) {
    const EdgeId in = n.inputs[0], out = n.outputs[0];
    const int from = u8_of(in) >= 0 ? u8_of(in) : as_f32(in, n.name);
    constexpr int64_t kMostPixels = std::numeric_limits<int32_t>::max() / 255;
    if (value(from).is_u8 && value(from).height * value(from).width > kMostPixels) {
      unsupported(n.name, fmt::format("an average of more than {} integers", kMostPixels));
    }
    const bool integer = u8_of(in) >= 0 && step(out);
    const int made = add_value(out, integer ? step(out) : std::nullopt);
    emit(Kind::average, n.name, {from}, {made}).dyadic = out_.dyadic && integer;
    if (integer) {
      u8_of(out) = made;
    } else {
      made_f32(out, made, n.name);
    }
  }

  const Graph& graph_;
  const graph::Links links_;
  Program out_;
  std::vector<int> u8_, f32_, dynamic_;  ///< values that hold an edge, -1: none
  std::vector<bool> taken_;              ///< nodes that a layer's table holds
};

}  // namespace

bool is_conv(Kind kind) { return kind == Kind::conv_u8 || kind == Kind::conv_f32 || kind == Kind::conv_w16; }

const char* to_string(Kind kind) {
  switch (kind) {
    case Kind::load: return "load";
    case Kind::conv_u8: return "conv_u8";
    case Kind::conv_f32: return "conv_f32";
    case Kind::conv_w16: return "conv_w16";
    case Kind::table: return "table";
    case Kind::add_u8: return "add_u8";
    case Kind::add_f32: return "add_f32";
    case Kind::mul_f32: return "mul_f32";
    case Kind::unary_f32: return "unary_f32";
    case Kind::quantize: return "quantize";
    case Kind::quantize_dynamic: return "quantize_dynamic";
    case Kind::dequantize: return "dequantize";
    case Kind::max_pool: return "max_pool";
    case Kind::upsample: return "upsample";
    case Kind::average: return "average";
    case Kind::split: return "split";
    case Kind::concat: return "concat";
  }
  return "unknown";
}

Program lower(const Graph& graph) {
  const bool foldable = !graph::is_quantized(graph);
  const Graph ready = graph::fuse_activations(foldable ? graph::fold_batch_norms(graph) : graph);
  return Lowering(ready).run();
}

}  // namespace quench::runtime::native
