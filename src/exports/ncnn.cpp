#include "exports/ncnn.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <set>
#include <vector>

#include "core/error.h"
#include "exports/floats_of.h"
#include "graph/free_name.h"
#include "graph/links.h"
#include "graph/passes.h"
#include "graph/quantized.h"

namespace quench::exports {
namespace {

using graph::EdgeId;
using graph::Graph;
using graph::Node;
using graph::Op;
using graph::Weight;

constexpr int kMagic = 7767517;
constexpr uint32_t kInt8Tag = 0x000D4B38;

std::string word(std::string text) {
  for (char& c : text) {
    if (std::isspace(static_cast<unsigned char>(c)) || std::iscntrl(static_cast<unsigned char>(c))) c = '_';
  }
  return text.empty() ? "_" : text;
}

class NcnnWriter {
 public:
  explicit NcnnWriter(const Graph& graph) : graph_(graph), links_(graph), names_(graph.edges.size()) {
    for (size_t i = 0; i < graph.edges.size(); ++i) names_[i] = blob(word(graph.edges[i].name));
  }

  NcnnModel model() {
    for (const EdgeId id : graph_.inputs) {
      const Shape& s = graph_.edge(id).shape;
      if (s.size() != 4)
        fail(ErrorKind::unsupported, "[exports.ncnn] expected an input [1,C,H,W], got {}", to_string(s));
      line("Input", graph_.edge(id).name, {}, {names_[static_cast<size_t>(id)]},
           fmt::format(" 0={} 1={} 2={}", s[3], s[2], s[1]));
      share(id);
    }
    for (const Node& node : graph_.nodes) {
      write(node);
      for (const EdgeId id : node.outputs) share(id);
    }
    return {fmt::format("{}\n{} {}\n{}", kMagic, lines_, blobs_.size(), text_), std::move(bin_)};
  }

 private:
  std::string blob(std::string wanted) {
    return *blobs_
                .insert(
                    graph::free_name(std::move(wanted), [&](const std::string& name) { return blobs_.count(name); }))
                .first;
  }

  void line(const char* type, const std::string& name, const std::vector<std::string>& inputs,
            const std::vector<std::string>& outputs, const std::string& parameters) {
    text_ += fmt::format("{} {} {} {}", type, word(name), inputs.size(), outputs.size());
    for (const std::string& input : inputs) text_ += " " + input;
    for (const std::string& output : outputs) text_ += " " + output;
    text_ += parameters + "\n";
    ++lines_;
  }

  /// A blob is gone once it was read: each reader has its own, by a Split, and an output that is read stays one.
  void share(EdgeId id) {
    const auto edge = static_cast<size_t>(id);
    const size_t readers = links_.consumers[edge].size();
    if (readers < 2 && !(readers == 1 && links_.is_output[edge])) return;
    std::vector<std::string> copies;
    for (size_t i = 0; i < readers; ++i) copies.push_back(blob(names_[edge] + "_" + std::to_string(i)));
    std::vector<std::string> made = copies;
    std::string from = names_[edge];
    if (links_.is_output[edge]) made.push_back(blob(names_[edge] + "_out"));
    line("Split", names_[edge] + "_split", {from}, made, "");
    copies_[id] = copies;
  }

  /// The blob that the next reader of an edge takes.
  std::string read(EdgeId id) {
    const auto found = copies_.find(id);
    if (found == copies_.end()) return names_[static_cast<size_t>(id)];
    return found->second.at(next_[id]++);
  }

  template <typename T>
  void raw(const std::vector<T>& values) {
    bin_.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
  }
  void tag(uint32_t value) { raw(std::vector<uint32_t>{value}); }

  /// The scale of the int8 that a layer reads; nothing for a layer of floats.
  std::optional<float> reads_integers(const Node& node, const Weight& weight) {
    if (!weight.quant) return std::nullopt;
    if (weight.value.dtype() == DType::f32) {
      fail(ErrorKind::config, "[exports.ncnn] expected integer weights, got floats with quantizers (node {})",
           node.name);
    }
    const auto& read = graph_.edge(node.inputs[0]).quant;
    if (!read || read->dynamic || !graph::is_symmetric_int8(*read) || read->bits != 8 || read->scale.size() != 1) {
      fail(ErrorKind::unsupported,
           "[exports.ncnn] expected int8 activations of 8 bits around zero point 0, got {} at '{}': NCNN takes no "
           "other; "
           "quantize with --target tensorrt",
           !read             ? "floats"
           : read->dynamic   ? "dynamic ones"
           : read->bits != 8 ? fmt::format("{} bits", read->bits)
                             : fmt::format("{} around {}", to_string(read->dtype), read->zero_point.at(0)),
           graph_.edge(node.inputs[0]).name);
    }
    if (!graph::is_symmetric(*weight.quant)) {
      fail(ErrorKind::unsupported, "[exports.ncnn] expected weights around zero point 0 (node {})", node.name);
    }
    return read->scale[0];
  }

  void layer(const Node& node) {
    const Weight& weight = graph_.required_weight(node, "weight");
    const Weight* bias = graph_.weight(node, "bias");
    const int64_t channels = weight.value.shape()[0];
    const std::optional<float> read_scale = reads_integers(node, weight);
    const bool conv = node.op == Op::conv;
    const graph::ConvAttributes a = conv ? node.as<graph::ConvAttributes>() : graph::ConvAttributes{};
    const bool depthwise = a.groups > 1 && a.groups == channels && weight.value.shape()[1] == 1;
    if (read_scale && a.groups > 1 && !depthwise) {
      fail(
          ErrorKind::unsupported,
          "[exports.ncnn] expected an integer convolution of 1 group or depthwise, got {} groups (node {}): keep it in "
          "float with --float-layers",
          a.groups, node.name);
    }
    std::string parameters = fmt::format(" 0={}", channels);
    if (conv) {
      parameters += fmt::format(" 1={} 11={} 2={} 12={} 3={} 13={} 4={} 14={} 5={} 6={}", a.kernel[1], a.kernel[0],
                                a.dilation[1], a.dilation[0], a.stride[1], a.stride[0], a.padding[1], a.padding[0],
                                bias ? 1 : 0, weight.value.size());
      if (a.groups > 1) parameters += fmt::format(" 7={}", a.groups);
    } else {
      parameters += fmt::format(" 1={} 2={}", bias ? 1 : 0, weight.value.size());
    }
    if (read_scale) parameters += " 8=1";
    line(!conv          ? "InnerProduct"
         : a.groups > 1 ? "ConvolutionDepthWise"
                        : "Convolution",
         node.name, {read(node.inputs[0])}, {names_[static_cast<size_t>(node.outputs[0])]}, parameters);

    if (read_scale) {
      const auto q = weight.value.values<int8_t>();
      tag(kInt8Tag);
      raw(std::vector<int8_t>(q.begin(), q.end()));
      bin_.resize((bin_.size() + 3) / 4 * 4);  // every other part is of whole floats
    } else {
      tag(0);
      raw(floats_of(weight));
    }
    if (bias) raw(floats_of(*bias));
    if (!read_scale) return;
    std::vector<float> scales;
    for (int64_t i = 0; i < channels; ++i) scales.push_back(1 / scale_of(weight, static_cast<size_t>(i)));
    raw(scales);
    raw(std::vector<float>{1 / *read_scale});
  }

  void write(const Node& node) {
    switch (node.op) {
      case Op::conv:
      case Op::linear: return layer(node);
      case Op::silu: return plain("Swish", node);
      case Op::relu: return plain("ReLU", node);
      case Op::sigmoid: return plain("Sigmoid", node);
      case Op::add: return plain("BinaryOp", node, " 0=0");
      case Op::mul: return plain("BinaryOp", node, " 0=2");
      case Op::concat: return plain("Concat", node, " 0=0");
      case Op::flatten: return plain("Flatten", node);
      case Op::global_avg_pool: return plain("Pooling", node, " 0=1 4=1");
      case Op::max_pool: {
        const auto& a = node.as<graph::PoolAttributes>();
        return plain("Pooling", node,
                     fmt::format(" 0=0 1={} 11={} 2={} 12={} 3={} 13={} 5=1", a.kernel[1], a.kernel[0], a.stride[1],
                                 a.stride[0], a.padding[1], a.padding[0]));
      }
      case Op::upsample: {
        const int64_t factor = node.as<graph::UpsampleAttributes>().factor;
        return plain("Interp", node, fmt::format(" 0=1 1={}.0 2={}.0", factor, factor));
      }
      case Op::split: {
        const auto& sizes = node.as<graph::SplitAttributes>().sizes;
        std::string list = fmt::format(" -23300={}", sizes.size());
        for (const int64_t size : sizes) list += fmt::format(",{}", size);
        return plain("Slice", node, list + " 1=0");
      }
      case Op::batch_norm: {
        plain("BatchNorm", node,
              fmt::format(" 0={} 1={}", graph_.required_weight(node, "weight").value.size(),
                          node.as<graph::BatchNormAttributes>().epsilon));
        for (const char* role : {"weight", "running_mean", "running_var", "bias"}) {
          raw(floats_of(graph_.required_weight(node, role)));
        }
        return;
      }
    }
    fail(ErrorKind::unsupported, "[exports.ncnn] NCNN has no {} (node {})", graph::to_string(node.op), node.name);
  }

  void plain(const char* type, const Node& node, const std::string& parameters = "") {
    std::vector<std::string> inputs, outputs;
    for (const EdgeId id : node.inputs) inputs.push_back(read(id));
    for (const EdgeId id : node.outputs) outputs.push_back(names_[static_cast<size_t>(id)]);
    line(type, node.name, inputs, outputs, parameters);
  }

  const Graph& graph_;
  const graph::Links links_;
  std::vector<std::string> names_;  ///< the blob of each edge
  std::set<std::string> blobs_;
  std::map<EdgeId, std::vector<std::string>> copies_;
  std::map<EdgeId, size_t> next_;
  std::string text_, bin_;
  int lines_ = 0;
};

}  // namespace

NcnnModel ncnn_model(const Graph& graph) {
  const Graph ready = graph::unfuse_activations(graph::is_quantized(graph) ? graph : graph::fold_batch_norms(graph));
  return NcnnWriter(ready).model();
}

}  // namespace quench::exports
