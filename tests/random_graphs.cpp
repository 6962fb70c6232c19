#include "random_graphs.h"

#include <algorithm>

#include "core/rng.h"
#include "graph/dynamic_range.h"
#include "graph/links.h"
#include "graph/passes.h"
#include "graph/quantized.h"
#include "graph/verify.h"
#include "graph_samples.h"

namespace quench::graph::samples {

namespace {

/// Draws one by one: C++ leaves the order of a call's arguments open, and the draws' order makes the graph.
class Drawing {
 public:
  explicit Drawing(uint64_t seed)
      : rng_(seed, "random graph"), zeros_(seed, "random zeros"), dynamic_(seed, "random dynamic"), builder_(seed) {}

  Graph draw() {
    builder_.graph.metadata = {{"task", "classify"}, {"model", "random"}};
    const int64_t channels = between(1, 19), height = between(1, 13), width = between(1, 13);
    values_ = {builder_.input("images", {1, channels, height, width})};
    for (int64_t count = between(2, 8); count > 0; --count) step(rng_.chance(0.6) ? values_.back() : any());
    if (rng_.chance(0.3)) {
      const EdgeId mean = node(Op::global_avg_pool, {values_.back()});
      const EdgeId flat = node(Op::flatten, {mean});
      const int64_t features = between(1, 21);
      builder_.linear(name(), flat, features);
    }
    add_ends();
    if (rng_.chance(0.75)) quantize();
    if (is_quantized(builder_.graph) && dynamic_.chance(0.4)) make_dynamic();
    if (zeros_.chance(0.4)) add_zeros();
    add_outputs();
    verify(builder_.graph);
    return std::move(builder_.graph);
  }

 private:
  int64_t between(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(rng_.below(static_cast<uint64_t>(high - low + 1)));
  }
  std::string name() { return "n" + std::to_string(next_++); }
  EdgeId any() { return values_[rng_.below(values_.size())]; }
  const Shape& shape(EdgeId edge) const { return builder_.graph.edge(edge).shape; }
  EdgeId node(Op op, std::vector<EdgeId> inputs, Attributes attributes = {}) {
    return builder_.node(name(), op, std::move(inputs), std::move(attributes));
  }

  void step(EdgeId x) {
    const int64_t kind = between(0, 9);
    if (kind <= 4) return values_.push_back(conv(x));
    if (kind == 5) return values_.push_back(concat(x));
    if (kind == 6) return split(x);
    if (kind == 7) return values_.push_back(resized(x));
    if (kind == 8) return values_.push_back(node(unary(), {x}));
    EdgeId y = any();
    if (shape(y) != shape(x)) y = x;
    const EdgeId made = node(rng_.chance(0.7) ? Op::add : Op::mul, {x, y});
    values_.push_back(rng_.chance(0.4) ? node(unary(), {made}) : made);
  }

  Op unary() {
    constexpr Op kOps[] = {Op::silu, Op::relu, Op::sigmoid};
    return kOps[rng_.below(3)];
  }

  EdgeId conv(EdgeId x) {
    ConvAttributes a;
    const Shape in = shape(x);
    for (size_t i = 0; i < 2; ++i) {
      a.kernel[i] = between(1, 4);
      a.stride[i] = between(1, 3);
      a.padding[i] = between(0, 3);
      a.dilation[i] = between(1, 2);
      if (in[2 + i] + 2 * a.padding[i] < a.dilation[i] * (a.kernel[i] - 1) + 1) a.kernel[i] = 1;
    }
    if (rng_.chance(0.3)) {
      std::vector<int64_t> divisors;
      for (int64_t k = 1; k <= in[1]; ++k) {
        if (in[1] % k == 0) divisors.push_back(k);
      }
      a.groups = divisors[rng_.below(divisors.size())];
    }
    const int64_t most = std::max<int64_t>(1, (rng_.chance(0.3) ? 70 : 10) / a.groups);
    const int64_t channels = a.groups * between(1, most);
    const bool bias = rng_.chance(0.5);
    EdgeId y = builder_.conv(name(), x, channels, a, bias);
    if (rng_.chance(0.4)) y = builder_.batch_norm(name(), y);
    return rng_.chance(0.7) ? node(unary(), {y}) : y;
  }

  EdgeId concat(EdgeId x) {
    std::vector<EdgeId> parts{x};
    for (const EdgeId other : values_) {
      const bool fits = shape(other)[2] == shape(x)[2] && shape(other)[3] == shape(x)[3];
      if (fits && parts.size() < 5 && rng_.chance(0.6)) parts.push_back(other);
    }
    std::rotate(parts.begin(), parts.begin() + static_cast<ptrdiff_t>(rng_.below(parts.size())), parts.end());
    return node(Op::concat, parts);
  }

  void split(EdgeId x) {
    std::vector<int64_t> sizes;
    for (int64_t left = shape(x)[1]; left > 0; left -= sizes.back()) sizes.push_back(between(1, left));
    const std::vector<EdgeId> parts = builder_.split(name(), x, sizes);
    values_.insert(values_.end(), parts.begin(), parts.end());
    if (rng_.chance(0.4)) values_.push_back(node(Op::concat, parts));
  }

  EdgeId resized(EdgeId x) {
    if (rng_.chance(0.3) && shape(x)[2] * shape(x)[3] <= 100) {
      return node(Op::upsample, {x}, UpsampleAttributes{between(2, 3)});
    }
    PoolAttributes a;
    for (size_t i = 0; i < 2; ++i) {
      a.kernel[i] = between(1, 5);
      a.padding[i] = a.kernel[i] / 2;
      a.stride[i] = between(1, 2);
    }
    return node(Op::max_pool, {x}, a);
  }

  /// What nothing reads.
  void add_ends() {
    std::vector<bool> read(builder_.graph.edges.size());
    for (const Node& n : builder_.graph.nodes) {
      for (const EdgeId edge : n.inputs) read[static_cast<size_t>(edge)] = true;
    }
    for (const Node& n : builder_.graph.nodes) {
      for (const EdgeId edge : n.outputs) {
        if (!read[static_cast<size_t>(edge)]) builder_.output(edge);
      }
    }
  }

  /// Some that others read too; what batch norm reads is folded into it.
  void add_outputs() {
    Graph& graph = builder_.graph;
    const Links links(graph);
    for (const Node& n : graph.nodes) {
      for (const EdgeId edge : n.outputs) {
        const std::vector<int>& readers = links.consumers[static_cast<size_t>(edge)];
        const bool folds = std::any_of(readers.begin(), readers.end(), [&](int reader) {
          return graph.nodes[static_cast<size_t>(reader)].op == Op::batch_norm;
        });
        if (!readers.empty() && !folds && rng_.chance(0.06)) graph.outputs.push_back(edge);
      }
    }
  }

  void quantize() {
    QuantizeOptions options;
    if (rng_.chance(0.2)) {
      options.bits_w = static_cast<int>(between(4, 8));
      options.bits_a = static_cast<int>(between(5, 8));
    }
    options.symmetric = rng_.chance(0.25);
    options.per_channel = rng_.chance(0.75);
    options.pixels = rng_.chance(0.5);
    options.outputs = rng_.chance(0.3);
    Graph graph = fold_batch_norms(builder_.graph);
    const int64_t form = between(0, 2);
    if (form == 1) graph = fuse_activations(graph);
    if (form == 2) graph = decompose_silu(graph);
    builder_.graph = quantized(graph, options);
    // Biases keep the steps that they were given: those of inputs whose parameters change here are no longer the
    // product's.
    for (const Node& n : builder_.graph.nodes) {
      if (rng_.chance(0.08)) builder_.graph.edge(n.outputs[0]).quant.reset();
    }
    for (const Node& n : builder_.graph.nodes) share(n);
  }

  /// Most edges that are quantized find their range as the graph runs.
  void make_dynamic() {
    for (const Node& n : builder_.graph.nodes) {
      for (const EdgeId edge : n.outputs) {
        if (builder_.graph.edge(edge).quant && dynamic_.chance(0.8)) builder_.graph.edge(edge).quant = dynamic_params();
      }
    }
  }

  /// Three quarters of the weights, by places of the kernel for all channels or by blocks of 16 output and 4 input
  /// channels.
  void add_zeros() {
    for (const Node& n : builder_.graph.nodes) {
      if (n.op != Op::conv) continue;
      Tensor& weight = builder_.graph.weight(n, "weight")->value;
      const bool blocks = zeros_.chance(0.5);
      const int64_t outputs = weight.shape()[0], inputs = weight.shape()[1];
      const int64_t places = weight.shape()[2] * weight.shape()[3];
      const int64_t high = blocks ? 16 : outputs, wide = blocks ? 4 : inputs;
      for (int64_t first = 0; first < outputs * inputs * places; ++first) {
        const int64_t o = first / (inputs * places), i = first / places % inputs;
        if (o % high != 0 || i % wide != 0 || !zeros_.chance(0.75)) continue;
        for (int64_t a = 0; a < std::min(high, outputs - o); ++a) {
          for (int64_t b = 0; b < std::min(wide, inputs - i); ++b) set_zero(weight, first + (a * inputs + b) * places);
        }
      }
    }
  }
  static void set_zero(Tensor& weight, int64_t at) {
    if (weight.dtype() == DType::i8) {
      weight.mutable_values<int8_t>()[static_cast<size_t>(at)] = 0;
    } else {
      weight.mutable_values<float>()[static_cast<size_t>(at)] = 0;
    }
  }

  /// Gives a value and its parts the same parameters, so that parts may lie in the whole.
  void share(const Node& n) {
    Graph& graph = builder_.graph;
    if (n.op == Op::concat && rng_.chance(0.6)) {
      for (const EdgeId part : n.inputs) {
        if (part != graph.inputs[0] && graph.edge(part).quant) graph.edge(part).quant = graph.edge(n.outputs[0]).quant;
      }
    }
    const bool moves = n.op == Op::split || n.op == Op::max_pool || n.op == Op::upsample || n.op == Op::flatten;
    if (moves && rng_.chance(0.7)) {
      for (const EdgeId part : n.outputs) {
        if (graph.edge(part).quant) graph.edge(part).quant = graph.edge(n.inputs[0]).quant;
      }
    }
  }

  Rng rng_;
  Rng zeros_;    ///< beside rng_: where zeros are drawn or not, the graphs stay the same
  Rng dynamic_;  ///< likewise
  Builder builder_;
  std::vector<EdgeId> values_;  ///< [1,C,H,W]
  int next_ = 0;
};

}  // namespace

Graph random_graph(uint64_t seed) { return Drawing(seed).draw(); }

void make_float(Graph& graph, const std::string& layer, Rng& rng) {
  for (const char* part : {".weight", ".bias"}) {
    const auto found = graph.weights.find(layer + part);
    if (found == graph.weights.end()) continue;
    Weight& weight = found->second;
    weight.quant.reset();
    weight.value = Tensor(DType::f32, weight.value.shape());
    for (float& value : weight.value.mutable_values<float>()) value = static_cast<float>(rng.uniform(-0.5, 0.5));
  }
}

Graph wide_graph(uint64_t seed) {
  Rng rng(seed, "wide graph");
  const auto between = [&](int64_t low, int64_t high) {
    return low + static_cast<int64_t>(rng.below(static_cast<uint64_t>(high - low + 1)));
  };
  const int64_t channels = between(16, 34), outputs = between(16, 34), height = between(7, 13), width = between(7, 13);
  Builder builder(seed);
  const ConvAttributes three{.kernel = {3, 3}, .stride = {1, 1}, .padding = {1, 1}};
  const EdgeId x = builder.input("images", {1, channels, height, width});
  const EdgeId first = builder.conv("first", x, outputs, three, true);
  const EdgeId silu = builder.node("silu", Op::silu, {first});
  const EdgeId second = builder.conv("second", silu, channels, three);
  builder.output(builder.conv("last", second, 3, {.kernel = {1, 1}}));
  builder.output(builder.conv("head", silu, between(5, 75), {.kernel = {1, 1}}, true));
  Graph graph = quantized(builder.graph, {.pixels = true});
  make_float(graph, "head", rng);
  for (const char* layer : {"first", "second"}) {
    Tensor& weight = graph.weights.at(std::string(layer) + ".weight").value;
    for (int8_t& value : weight.mutable_values<int8_t>()) value = static_cast<int8_t>(between(-127, 127));
  }
  if (seed % 2 == 1) make_float(graph, "second", rng);
  return graph;
}

Tensor random_images(const Graph& graph, uint64_t seed, int64_t images) {
  Rng rng(seed, "random images");
  const Edge& input = graph.edge(graph.inputs[0]);
  Shape shape = input.shape;
  shape[0] = images;
  Tensor out(input.dtype, shape);
  if (input.dtype == DType::u8) {
    for (uint8_t& value : out.mutable_values<uint8_t>()) value = static_cast<uint8_t>(rng.below(256));
  } else {
    for (float& value : out.mutable_values<float>()) value = static_cast<float>(rng.uniform(-1, 2));
  }
  return out;
}

}  // namespace quench::graph::samples
