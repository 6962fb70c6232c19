#include "graph/shape_inference.h"

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "core/json.h"

namespace quench::graph {
namespace {

/// Bound on every dimension and attribute, so that products of two fit int64 with room.
constexpr int64_t kMaxDimension = int64_t{1} << 30;

struct Inference {
  const Graph& graph;
  const Node& node;
  const std::vector<Shape>& inputs;

  [[noreturn]] void wrong(const std::string& expected, const std::string& got) const {
    fail(ErrorKind::data, "[graph.shape] expected {}, got {} (node {})", expected, got, node.name);
  }

  void arity(size_t wanted) const {
    if (inputs.size() != wanted) wrong(fmt::format("{} inputs", wanted), std::to_string(inputs.size()));
  }

  void within(const char* what, int64_t value, int64_t low) const {
    if (value < low || value > kMaxDimension) {
      wrong(fmt::format("{} in [{},{}]", what, low, kMaxDimension), std::to_string(value));
    }
  }

  const Shape& image(size_t i) const {
    if (inputs[i].size() != 4) wrong("an input [N,C,H,W]", to_string(inputs[i]));
    return inputs[i];
  }

  void weight_shape(const char* role, const Shape& wanted, bool required) const {
    const Weight* found = graph.weight(node, role);
    if (!found && !required) return;
    const Tensor& value = graph.required_weight(node, role).value;
    if (value.shape() != wanted) wrong(fmt::format("{} {}", role, to_string(wanted)), to_string(value.shape()));
  }

  /// Length of one axis after a window slides over it.
  int64_t slide(const char* axis, int64_t size, int64_t kernel, int64_t stride, int64_t padding,
                int64_t dilation) const {
    within("kernel", kernel, 1);
    within("stride", stride, 1);
    within("padding", padding, 0);
    within("dilation", dilation, 1);
    const int64_t reach = dilation * (kernel - 1) + 1;
    const int64_t room = size + 2 * padding - reach;
    if (room < 0) wrong(fmt::format("{} of at least {}", axis, reach - 2 * padding), std::to_string(size));
    return room / stride + 1;
  }

  std::vector<Shape> conv() const {
    arity(1);
    const Shape& in = image(0);
    const auto& a = node.as<ConvAttributes>();
    within("groups", a.groups, 1);
    const Shape& w = graph.required_weight(node, "weight").value.shape();
    if (w.size() != 4) wrong("weight [O,I,kh,kw]", to_string(w));
    if (in[1] % a.groups || w[0] % a.groups) {
      wrong(fmt::format("channels divisible by {} groups", a.groups), fmt::format("{} and {}", in[1], w[0]));
    }
    weight_shape("weight", {w[0], in[1] / a.groups, a.kernel[0], a.kernel[1]}, true);
    weight_shape("bias", {w[0]}, false);
    return {{in[0], w[0], slide("height", in[2], a.kernel[0], a.stride[0], a.padding[0], a.dilation[0]),
             slide("width", in[3], a.kernel[1], a.stride[1], a.padding[1], a.dilation[1])}};
  }

  std::vector<Shape> batch_norm() const {
    arity(1);
    for (const char* role : {"weight", "bias", "running_mean", "running_var"}) {
      weight_shape(role, {image(0)[1]}, true);
    }
    return inputs;
  }

  std::vector<Shape> linear() const {
    arity(1);
    const Shape& in = inputs[0];
    if (in.size() != 2) wrong("an input [N,C]", to_string(in));
    const Shape& w = graph.required_weight(node, "weight").value.shape();
    if (w.size() != 2) wrong("weight [O,I]", to_string(w));
    weight_shape("weight", {w[0], in[1]}, true);
    weight_shape("bias", {w[0]}, false);
    return {{in[0], w[0]}};
  }

  std::vector<Shape> same_pair() const {
    arity(2);
    if (inputs[0] != inputs[1]) wrong("two inputs of one shape", to_string(inputs[0]) + " and " + to_string(inputs[1]));
    return {inputs[0]};
  }

  std::vector<Shape> concat() const {
    if (inputs.empty()) wrong("at least one input", "none");
    Shape out = image(0);
    for (size_t i = 1; i < inputs.size(); ++i) {
      const Shape& in = image(i);
      if (in[0] != out[0] || in[2] != out[2] || in[3] != out[3]) {
        wrong("inputs that differ in channels alone", to_string(inputs[0]) + " and " + to_string(in));
      }
      out[1] += in[1];
      within("channels", out[1], 1);
    }
    return {out};
  }

  std::vector<Shape> max_pool() const {
    arity(1);
    const Shape& in = image(0);
    const auto& a = node.as<PoolAttributes>();
    const std::array<int64_t, 2> out{slide("height", in[2], a.kernel[0], a.stride[0], a.padding[0], 1),
                                     slide("width", in[3], a.kernel[1], a.stride[1], a.padding[1], 1)};
    for (int i = 0; i < 2; ++i) {
      if (2 * a.padding[i] > a.kernel[i]) {
        wrong(fmt::format("padding of at most half the kernel {}", a.kernel[i]), std::to_string(a.padding[i]));
      }
    }
    return {{in[0], in[1], out[0], out[1]}};
  }

  std::vector<Shape> upsample() const {
    arity(1);
    const Shape& in = image(0);
    const int64_t factor = node.as<UpsampleAttributes>().factor;
    within("factor", factor, 1);
    return {{in[0], in[1], in[2] * factor, in[3] * factor}};
  }

  std::vector<Shape> split() const {
    arity(1);
    const Shape& in = image(0);
    std::vector<Shape> out;
    int64_t sum = 0;
    for (int64_t size : node.as<SplitAttributes>().sizes) {
      within("split size", size, 1);
      sum += size;
      within("channels", sum, 1);
      out.push_back({in[0], size, in[2], in[3]});
    }
    if (sum != in[1]) wrong(fmt::format("split sizes that sum to {} channels", in[1]), std::to_string(sum));
    return out;
  }

  std::vector<Shape> flatten() const {
    arity(1);
    const Shape& in = image(0);
    if (in[2] != 1 || in[3] != 1) wrong("an input [N,C,1,1]", to_string(in));
    return {{in[0], in[1]}};
  }

  std::vector<Shape> run() const {
    for (const Shape& shape : inputs) {
      if (shape.size() != 4 && shape.size() != 2) wrong("inputs [N,C,H,W] or [N,C]", to_string(shape));
      for (int64_t dim : shape) within("dimensions", dim, 1);
    }
    switch (node.op) {
      case Op::conv: return conv();
      case Op::batch_norm: return batch_norm();
      case Op::silu:
      case Op::relu:
      case Op::sigmoid: arity(1); return inputs;
      case Op::add:
      case Op::mul: return same_pair();
      case Op::concat: return concat();
      case Op::max_pool: return max_pool();
      case Op::upsample: return upsample();
      case Op::split: return split();
      case Op::global_avg_pool: arity(1); return {{image(0)[0], image(0)[1], 1, 1}};
      case Op::flatten: return flatten();
      case Op::linear: return linear();
    }
    fail_attributes(node);
  }
};

/// The largest stride of the metadata ("32" or "[8,16,32]"); 1 where it says none.
int64_t model_stride(const Graph& graph) {
  const auto found = graph.metadata.find("stride");
  if (found == graph.metadata.end() || found->second.empty()) return 1;
  const Json value = parse_json(found->second, "metadata stride");
  int64_t stride = 1;
  const auto take = [&](const Json& item) {
    if (!item.is_number_integer() || item < 1) {
      fail(ErrorKind::data, "[graph.shape] expected stride as a positive integer or a list, got {}", found->second);
    }
    stride = std::max(stride, item.get<int64_t>());
  };
  if (value.is_array()) {
    for (const Json& item : value) take(item);
  } else {
    take(value);
  }
  return stride;
}

}  // namespace

std::vector<Shape> infer_outputs(const Graph& graph, const Node& node, const std::vector<Shape>& inputs) {
  std::vector<Shape> outputs = Inference{graph, node, inputs}.run();
  for (const Shape& shape : outputs) {
    for (int64_t dim : shape) {
      if (dim < 1 || dim > kMaxDimension) {
        fail(ErrorKind::data, "[graph.shape] expected an output that fits memory, got {} (node {})", to_string(shape),
             node.name);
      }
    }
    element_count(shape);
  }
  return outputs;
}

void infer_shapes(Graph& graph) {
  for (const Node& node : graph.nodes) {
    std::vector<Shape> inputs;
    for (EdgeId id : node.inputs) inputs.push_back(graph.edge(id).shape);
    std::vector<Shape> outputs = infer_outputs(graph, node, inputs);
    if (outputs.size() != node.outputs.size()) {
      fail(ErrorKind::data, "[graph.shape] expected {} outputs, got {} (node {})", outputs.size(), node.outputs.size(),
           node.name);
    }
    for (size_t i = 0; i < outputs.size(); ++i) graph.edge(node.outputs[i]).shape = std::move(outputs[i]);
  }
}

Graph with_image_size(Graph graph, int64_t height, int64_t width) {
  const int64_t stride = model_stride(graph);
  for (int64_t size : {height, width}) {
    if (size < 1 || size % stride || size > kMaxDimension) {
      fail(ErrorKind::config, "[graph.shape] expected imgsz as a positive multiple of {}, got {}", stride, size);
    }
  }
  for (EdgeId id : graph.inputs) {
    Shape& shape = graph.edge(id).shape;
    ensure(shape.size() == 4, "[graph.shape] expected an image input, got {}", to_string(shape));
    shape = {shape[0], shape[1], height, width};
  }
  infer_shapes(graph);
  graph.metadata["imgsz"] = height == width ? std::to_string(height) : fmt::format("{}x{}", height, width);
  return graph;
}

}  // namespace quench::graph
