#include "exports/tflite.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <span>

#include "core/error.h"
#include "exports/flat_buffer.h"
#include "exports/floats_of.h"
#include "graph/links.h"
#include "graph/op_traits.h"
#include "graph/passes.h"
#include "graph/quantized.h"

namespace quench::exports {
namespace {

using graph::EdgeId;
using graph::Graph;
using graph::Node;
using graph::Op;
using graph::QuantParams;
using graph::Weight;
using Flat = FlatObject;

// Numbers of TensorFlow Lite's schema, version 3 (tensorflow/compiler/mlir/lite/schema/schema.fbs).
enum class Type : int8_t { float32 = 0, int32 = 2, uint8 = 3, int8 = 9 };
enum Operator {
  kAdd = 0,
  kConcatenation = 2,
  kConv2d = 3,
  kDepthwise = 4,
  kDequantize = 6,
  kFullyConnected = 9,
  kLogistic = 14,
  kMaxPool = 17,
  kMul = 18,
  kRelu = 19,
  kReshape = 22,
  kPad = 34,
  kMean = 40,
  kResizeNearest = 97,
  kSplitV = 102,
  kQuantize = 114,
};
/// Operators with options, and the number of these in the union.
const std::map<int, uint8_t> kOptions = {
    {kAdd, 11}, {kConcatenation, 10}, {kConv2d, 1}, {kDepthwise, 2}, {kFullyConnected, 8}, {kMaxPool, 5},
    {kMul, 21}, {kReshape, 17},       {kPad, 22},   {kMean, 27},     {kResizeNearest, 74}, {kSplitV, 79}};
/// The first version that takes int8.
const std::map<int, int> kIntegerVersions = {
    {kAdd, 2},           {kConcatenation, 2}, {kConv2d, 3}, {kDepthwise, 3}, {kDequantize, 2}, {kFullyConnected, 4},
    {kLogistic, 2},      {kMaxPool, 2},       {kMul, 2},    {kPad, 2},       {kMean, 2},       {kRelu, 2},
    {kResizeNearest, 2}, {kSplitV, 2}};
constexpr int8_t kSame = 0, kValid = 1, kFusedRelu = 1;

/// Parameters as int8 has them.
QuantParams as_int8(QuantParams quant) {
  if (quant.dtype == DType::u8) {
    for (int32_t& zero : quant.zero_point) zero -= 128;
  }
  quant.dtype = DType::i8;
  return quant;
}

bool same(const QuantParams& a, const QuantParams& b) { return a.scale == b.scale && a.zero_point == b.zero_point; }

/// [1,C,H,W] as [1,H,W,C].
std::vector<int32_t> shape_of(const Shape& s) {
  const auto dim = [&](size_t i) { return static_cast<int32_t>(s.at(i)); };
  if (s.size() == 4) return {dim(0), dim(2), dim(3), dim(1)};
  return {s.begin(), s.end()};
}

/// [O,I,H,W] as [O,H,W,I], or of a depthwise convolution [O,1,H,W] as [1,H,W,O].
template <typename T>
std::vector<T> turned(std::span<const T> values, const Shape& s, bool depthwise) {
  if (s.size() != 4) return {values.begin(), values.end()};
  std::vector<T> out(values.size());
  const int64_t area = s[2] * s[3];
  for (int64_t o = 0; o < s[0]; ++o) {
    for (int64_t i = 0; i < s[1]; ++i) {
      for (int64_t k = 0; k < area; ++k) {
        const int64_t to = depthwise ? k * s[0] + o : (o * area + k) * s[1] + i;
        out[static_cast<size_t>(to)] = values[static_cast<size_t>((o * s[1] + i) * area + k)];
      }
    }
  }
  return out;
}

/// How one axis is padded.
struct Axis {
  int64_t in, out, kernel, stride, dilation, padding;
  int64_t reach() const { return (kernel - 1) * dilation + 1; }
  bool valid() const { return padding == 0 && out == (in - reach()) / stride + 1; }
  bool same() const {
    const int64_t total = std::max<int64_t>((out - 1) * stride + reach() - in, 0);
    return out == (in + stride - 1) / stride && total / 2 == padding;
  }
};

class TfliteWriter {
 public:
  explicit TfliteWriter(const Graph& graph)
      : graph_(graph), links_(graph), integer_(graph.edges.size(), -1), float_(graph.edges.size(), -1) {
    buffers_.push_back(Flat::table());  // the empty one, of all tensors without values
  }

  std::string model() {
    for (size_t i = 0; i < graph_.edges.size(); ++i) require_static(static_cast<EdgeId>(i));
    std::vector<int32_t> inputs, outputs;
    for (const EdgeId id : graph_.inputs) inputs.push_back(input(id));
    for (const Node& node : graph_.nodes) write(node);
    for (const EdgeId id : graph_.outputs) outputs.push_back(floats(id));
    const auto subgraph = Flat::table();
    subgraph->set(0, Flat::objects(tensors_)).set(1, Flat::numbers(inputs)).set(2, Flat::numbers(outputs));
    subgraph->set(3, Flat::objects(operators_)).set(4, Flat::text("main"));
    const auto model = Flat::table();
    model->set(0, uint32_t{3}).set(1, Flat::objects(codes_)).set(2, Flat::objects({subgraph}));
    model->set(3, Flat::text("quench")).set(4, Flat::objects(buffers_));
    return write_flat_buffer(*model, "TFL3");
  }

 private:
  int32_t tensor(const std::string& name, const std::vector<int32_t>& shape, Type type,
                 const std::optional<QuantParams>& quant = {}, int axis = 0, uint32_t buffer = 0) {
    const auto out = Flat::table();
    out->set(0, Flat::numbers(shape)).set(1, static_cast<int8_t>(type)).set(2, buffer).set(3, Flat::text(name));
    if (quant) {
      const auto parameters = Flat::table();
      parameters->set(2, Flat::numbers(quant->scale));
      parameters->set(3, Flat::numbers(std::vector<int64_t>(quant->zero_point.begin(), quant->zero_point.end())));
      if (quant->scale.size() > 1) parameters->set(6, int32_t{axis});
      out->set(4, parameters);
    }
    tensors_.push_back(out);
    return static_cast<int32_t>(tensors_.size()) - 1;
  }

  template <typename T>
  int32_t constant(const std::string& name, const std::vector<int32_t>& shape, Type type, const std::vector<T>& values,
                   const std::optional<QuantParams>& quant = {}, int axis = 0) {
    const auto buffer = Flat::table();
    const char* bytes = reinterpret_cast<const char*>(values.data());
    buffer->set(0, Flat::numbers(std::vector<char>(bytes, bytes + values.size() * sizeof(T)), 16));
    buffers_.push_back(buffer);
    return tensor(name, shape, type, quant, axis, static_cast<uint32_t>(buffers_.size()) - 1);
  }
  int32_t integers(const std::string& name, const std::vector<int32_t>& values) {
    return constant(name, {static_cast<int32_t>(values.size())}, Type::int32, values);
  }

  void op(int code, const std::vector<int32_t>& inputs, const std::vector<int32_t>& outputs, bool integer,
          const Flat::Pointer& options = Flat::table()) {
    const auto version = kIntegerVersions.find(code);
    const int wanted = integer && version != kIntegerVersions.end() ? version->second : 1;
    const auto [found, is_new] = code_of_.try_emplace({code, wanted}, static_cast<uint32_t>(codes_.size()));
    if (is_new) {
      const auto entry = Flat::table();
      entry->set(0, static_cast<int8_t>(code)).set(2, int32_t{wanted}).set(3, int32_t{code});
      codes_.push_back(entry);
    }
    const auto out = Flat::table();
    out->set(0, found->second).set(1, Flat::numbers(inputs)).set(2, Flat::numbers(outputs));
    if (const auto number = kOptions.find(code); number != kOptions.end()) {
      out->set(3, number->second).set(4, options);
    }
    operators_.push_back(out);
  }

  const graph::Edge& edge(EdgeId id) const { return graph_.edge(id); }
  int32_t& integer_of(EdgeId id) { return integer_[static_cast<size_t>(id)]; }
  int32_t& float_of(EdgeId id) { return float_[static_cast<size_t>(id)]; }

  void require_static(EdgeId id) const {
    const auto& quant = edge(id).quant;
    if (!quant || (!quant->dynamic && quant->bits == 8 && quant->scale.size() == 1)) return;
    fail(ErrorKind::unsupported,
         "[exports.tflite] expected activations of 8 bits with one scale that is known beforehand, got {} at '{}'",
         quant->dynamic ? "dynamic ones" : fmt::format("{} bits", quant->bits), edge(id).name);
  }

  int32_t input(EdgeId id) {
    const std::vector<int32_t> shape = shape_of(edge(id).shape);
    if (edge(id).dtype != DType::u8) {
      const int32_t floats = float_of(id) = tensor(edge(id).name, shape, Type::float32);
      made_floats(id);
      return floats;
    }
    const int32_t pixels = tensor(edge(id).name, shape, Type::uint8, edge(id).quant);
    integer_of(id) = tensor(edge(id).name + "/int8", shape, Type::int8, as_int8(*edge(id).quant));
    op(kQuantize, {pixels}, {integer_of(id)}, true);
    return pixels;
  }

  /// Floats stand for the edge: as they are, or rounded where the edge is quantized.
  void made_floats(EdgeId id) {
    if (!edge(id).quant) return;
    integer_of(id) = tensor(edge(id).name + "/int8", shape_of(edge(id).shape), Type::int8, as_int8(*edge(id).quant));
    op(kQuantize, {float_of(id)}, {integer_of(id)}, false);
    float_of(id) = -1;  // what others read is what was rounded
    named_.insert(id);
  }
  /// The floats of an edge, as its readers see them.
  int32_t floats(EdgeId id) {
    if (float_of(id) >= 0) return float_of(id);
    float_of(id) =
        tensor(edge(id).name + (named_.contains(id) ? "/rounded" : ""), shape_of(edge(id).shape), Type::float32);
    op(kDequantize, {integer_of(id)}, {float_of(id)}, true);
    return float_of(id);
  }

  /// Runs a node in integers where all of it is quantized and `fits`, else in float. make: writes it on tensors.
  template <typename Make>
  void run(const Node& node, bool fits, const Make& make) {
    const auto quantized = [&](EdgeId id) { return edge(id).quant.has_value(); };
    const bool integer =
        fits && std::ranges::all_of(node.inputs, quantized) && std::ranges::all_of(node.outputs, quantized);
    std::vector<int32_t> inputs, outputs;
    for (const EdgeId id : node.inputs) inputs.push_back(integer ? integer_of(id) : floats(id));
    for (const EdgeId id : node.outputs) {
      const std::vector<int32_t> shape = shape_of(edge(id).shape);
      int32_t& to = integer ? integer_of(id) : float_of(id);
      to = integer ? tensor(edge(id).name + "/int8", shape, Type::int8, as_int8(*edge(id).quant))
                   : tensor(edge(id).name + (quantized(id) ? "/float" : ""), shape, Type::float32);
      outputs.push_back(to);
    }
    make(inputs, outputs, integer);
    if (integer) return;
    for (const EdgeId id : node.outputs) made_floats(id);
  }

  /// Whether inputs and outputs are of one scale, as what only moves values needs.
  bool one_scale(const Node& node) const {
    const auto& first = edge(node.inputs[0]).quant;
    const auto like = [&](EdgeId id) {
      const auto& quant = edge(id).quant;
      return first && quant && same(as_int8(*first), as_int8(*quant));
    };
    return std::ranges::all_of(node.inputs, like) && std::ranges::all_of(node.outputs, like);
  }

  void layer(const Node& node) {
    const Weight& weight = graph_.required_weight(node, "weight");
    const Weight* bias = graph_.weight(node, "bias");
    if (weight.quant && weight.value.dtype() == DType::f32) {
      fail(ErrorKind::config, "[exports.tflite] expected integer weights, got floats with quantizers (node {})",
           node.name);
    }
    if (weight.quant && !graph::is_symmetric(*weight.quant)) {
      fail(ErrorKind::unsupported, "[exports.tflite] expected weights around zero point 0 (node {})", node.name);
    }
    const EdgeId out = node.outputs[0];
    if (weight.quant && !edge(out).quant && !links_.is_output[static_cast<size_t>(out)]) {
      fail(ErrorKind::unsupported,
           "[exports.tflite] expected what an integer layer gives to be quantized, got floats (node {}): quantize with "
           "--target onnxruntime",
           node.name);
    }
    run(node, weight.quant.has_value(),
        [&](std::vector<int32_t> inputs, const std::vector<int32_t>& outputs, bool integer) {
          const bool conv = node.op == Op::conv;
          const Shape& s = weight.value.shape();
          const graph::ConvAttributes a = conv ? node.as<graph::ConvAttributes>() : graph::ConvAttributes{};
          const bool depthwise = a.groups > 1 && a.groups == s[0] && s[1] == 1;
          std::vector<int32_t> shape(s.begin(), s.end());
          if (conv) shape = {shape[0], shape[2], shape[3], shape[1]};
          if (depthwise) shape = {1, shape[1], shape[2], static_cast<int32_t>(s[0])};
          int8_t padding = kValid;
          if (conv) padding = pad(node, a, inputs[0], integer);
          if (integer) {
            inputs.push_back(constant(node.name + ".weight", shape, Type::int8,
                                      turned(weight.value.values<int8_t>(), s, depthwise), weight.quant,
                                      depthwise ? 3 : 0));
          } else {
            inputs.push_back(constant(node.name + ".weight", shape, Type::float32,
                                      turned(std::span<const float>(floats_of(weight)), s, depthwise)));
          }
          inputs.push_back(bias_of(node, bias, weight, static_cast<int32_t>(s[0]), integer));
          const int8_t fused = node.activation == graph::Activation::relu ? kFusedRelu : 0;
          const auto options = Flat::table();
          if (!conv) {
            options->set(0, fused);
          } else {
            const auto number = [](int64_t n) { return static_cast<int32_t>(n); };
            options->set(0, padding).set(1, number(a.stride[1])).set(2, number(a.stride[0]));
            if (depthwise) options->set(3, int32_t{1});
            options->set(depthwise ? 4 : 3, fused);
            options->set(depthwise ? 5 : 4, number(a.dilation[1])).set(depthwise ? 6 : 5, number(a.dilation[0]));
          }
          op(!conv ? kFullyConnected : depthwise ? kDepthwise : kConv2d, inputs, outputs, integer, options);
        });
  }

  int32_t bias_of(const Node& node, const Weight* bias, const Weight& weight, int32_t channels, bool integer) {
    const std::string name = node.name + ".bias";
    if (!integer) {
      return constant(name, {channels}, Type::float32,
                      bias ? floats_of(*bias) : std::vector<float>(static_cast<size_t>(channels)));
    }
    QuantParams quant = *weight.quant;
    const float read = edge(node.inputs[0]).quant->scale[0];
    for (float& scale : quant.scale) scale *= read;
    std::vector<int32_t> values(static_cast<size_t>(channels));
    for (size_t i = 0; bias && i < values.size(); ++i) {
      const double step = quant.scale[quant.scale.size() == 1 ? 0 : i];
      const double value = bias->value.dtype() == DType::i32
                               ? static_cast<double>(bias->value.values<int32_t>()[i]) * scale_of(*bias, i)
                               : static_cast<double>(bias->value.values<float>()[i]);
      values[i] = static_cast<int32_t>(std::llround(value / step));
    }
    return constant(name, {channels}, Type::int32, values, quant);
  }

  /// The padding of a convolution; where the format has no word for it, a PAD goes before.
  int8_t pad(const Node& node, const graph::ConvAttributes& a, int32_t& input, bool integer) {
    const Shape &in = edge(node.inputs[0]).shape, &out = edge(node.outputs[0]).shape;
    std::array<Axis, 2> axes;
    for (size_t i = 0; i < 2; ++i)
      axes[i] = {in[i + 2], out[i + 2], a.kernel[i], a.stride[i], a.dilation[i], a.padding[i]};
    if (std::ranges::all_of(axes, &Axis::valid)) return kValid;
    if (std::ranges::all_of(axes, &Axis::same)) return kSame;
    std::vector<int32_t> shape = shape_of(in);
    for (size_t i = 0; i < 2; ++i) shape[i + 1] += static_cast<int32_t>(2 * a.padding[i]);
    const auto rows = static_cast<int32_t>(a.padding[0]), columns = static_cast<int32_t>(a.padding[1]);
    const int32_t paddings = constant(node.name + "/paddings", {4, 2}, Type::int32,
                                      std::vector<int32_t>{0, 0, rows, rows, columns, columns, 0, 0});
    const auto& quant = edge(node.inputs[0]).quant;
    const int32_t padded = tensor(node.name + "/padded", shape, integer ? Type::int8 : Type::float32,
                                  integer ? std::optional(as_int8(*quant)) : std::nullopt);
    op(kPad, {input, paddings}, {padded}, integer);
    input = padded;
    return kValid;
  }

  void max_pool(const Node& node) {
    const auto& a = node.as<graph::PoolAttributes>();
    const Shape &in = edge(node.inputs[0]).shape, &out = edge(node.outputs[0]).shape;
    bool valid = true, same = true;
    for (size_t i = 0; i < 2; ++i) {
      const Axis axis{in[i + 2], out[i + 2], a.kernel[i], a.stride[i], 1, a.padding[i]};
      valid = valid && axis.valid();
      same = same && axis.same();
    }
    if (!valid && !same) {
      fail(ErrorKind::unsupported, "[exports.tflite] expected a max pool whose padding is SAME or none (node {})",
           node.name);
    }
    const auto options = Flat::table();
    const auto number = [](int64_t n) { return static_cast<int32_t>(n); };
    options->set(0, valid ? kValid : kSame).set(1, number(a.stride[1])).set(2, number(a.stride[0]));
    options->set(3, number(a.kernel[1])).set(4, number(a.kernel[0]));
    run(node, one_scale(node), [&](const auto& inputs, const auto& outputs, bool integer) {
      op(kMaxPool, inputs, outputs, integer, options);
    });
  }

  /// An operator of the edges alone, with options where there are some.
  void plain(const Node& node, int code, bool fits, const Flat::Pointer& options = Flat::table()) {
    run(node, fits,
        [&](const auto& inputs, const auto& outputs, bool integer) { op(code, inputs, outputs, integer, options); });
  }

  /// One with a constant behind its input.
  void with(const Node& node, int code, bool fits, const std::vector<int32_t>& values,
            const Flat::Pointer& options = Flat::table()) {
    run(node, fits, [&](std::vector<int32_t> inputs, const auto& outputs, bool integer) {
      inputs.push_back(integers(node.name + "/constant", values));
      op(code, inputs, outputs, integer, options);
    });
  }

  void write(const Node& node) {
    switch (node.op) {
      case Op::conv:
      case Op::linear: return layer(node);
      case Op::relu: return plain(node, kRelu, false);
      case Op::sigmoid: {
        const auto& made = edge(node.outputs[0]).quant;
        const bool fits = made && same(as_int8(*made), {DType::i8, 8, {1.0f / 256}, {-128}, -1});
        return plain(node, kLogistic, fits);
      }
      case Op::add: {
        const auto options = Flat::table();
        options->set(0, static_cast<int8_t>(node.activation == graph::Activation::relu ? kFusedRelu : 0));
        return plain(node, kAdd, true, options);
      }
      case Op::mul: return plain(node, kMul, true);
      case Op::concat: {
        const auto options = Flat::table();
        options->set(0, int32_t{edge(node.outputs[0]).shape.size() == 4 ? 3 : 1});
        return plain(node, kConcatenation, one_scale(node), options);
      }
      case Op::max_pool: return max_pool(node);
      case Op::upsample: {
        const Shape& s = edge(node.outputs[0]).shape;
        return with(node, kResizeNearest, one_scale(node), {static_cast<int32_t>(s[2]), static_cast<int32_t>(s[3])});
      }
      case Op::split: {
        const auto& sizes = node.as<graph::SplitAttributes>().sizes;
        const auto options = Flat::table();
        options->set(0, static_cast<int32_t>(sizes.size()));
        return run(node, one_scale(node), [&](std::vector<int32_t> inputs, const auto& outputs, bool integer) {
          inputs.push_back(integers(node.name + "/sizes", {sizes.begin(), sizes.end()}));
          inputs.push_back(constant(node.name + "/axis", {}, Type::int32, std::vector<int32_t>{3}));
          op(kSplitV, inputs, outputs, integer, options);
        });
      }
      case Op::global_avg_pool: {
        const auto options = Flat::table();
        options->set(0, static_cast<int8_t>(1));  // keep the dimensions
        return with(node, kMean, true, {1, 2}, options);
      }
      case Op::flatten: return with(node, kReshape, one_scale(node), shape_of(edge(node.outputs[0]).shape));
      case Op::silu:
      case Op::batch_norm: break;
    }
    fail(ErrorKind::unsupported, "[exports.tflite] TensorFlow Lite has no {} that stands alone (node {})",
         graph::to_string(node.op), node.name);
  }

  const Graph& graph_;
  const graph::Links links_;
  std::vector<int32_t> integer_, float_;  ///< tensors of each edge, -1: none
  std::set<EdgeId> named_;                ///< edges that were floats before they were rounded
  std::vector<Flat::Pointer> buffers_, tensors_, operators_, codes_;
  std::map<std::pair<int, int>, uint32_t> code_of_;
};

}  // namespace

std::string tflite_model(const Graph& graph) {
  Graph ready = graph::is_quantized(graph) ? graph : graph::fold_batch_norms(graph);
  ready = graph::decompose_silu(graph::unfuse_activations(std::move(ready)));
  return TfliteWriter(graph::fuse_activations(std::move(ready))).model();
}

}  // namespace quench::exports
