#include "reference_executor.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"
#include "core/rng.h"

namespace quench::graph::reference {
namespace {

/// Index of [n,c,y,x] in a tensor of that shape.
int64_t at(const Shape& s, int64_t n, int64_t c, int64_t y, int64_t x) {
  return ((n * s[1] + c) * s[2] + y) * s[3] + x;
}

float activate(double x, Activation activation) {
  switch (activation) {
    case Activation::none: return static_cast<float>(x);
    case Activation::silu: return static_cast<float>(x / (1 + std::exp(-x)));
    case Activation::relu: return static_cast<float>(std::max(x, 0.0));
  }
  return 0;
}

template <typename Function>
Tensor map_values(const Tensor& x, const Function& f) {
  Tensor out(DType::f32, x.shape());
  const auto in = x.values<float>();
  const auto to = out.mutable_values<float>();
  std::transform(in.begin(), in.end(), to.begin(), f);
  return out;
}

template <typename T>
Tensor dequantize(const Tensor& value, const QuantParams& quant) {
  Tensor out(DType::f32, value.shape());
  const auto q = value.values<T>();
  const auto to = out.mutable_values<float>();
  const size_t block = q.size() / quant.scale.size();
  for (size_t i = 0; i < q.size(); ++i) {
    const size_t c = i / block;
    to[i] = static_cast<float>((static_cast<double>(q[i]) - quant.zero_point[c]) * quant.scale[c]);
  }
  return out;
}

struct Executor {
  const Graph& graph;
  const Node& node;
  const std::vector<Tensor>& values;

  const Tensor& input(size_t i) const { return values.at(node.inputs.at(i)); }

  /// A weight as floats; where it is optional and missing, an empty tensor.
  Tensor weight(const char* role) const {
    const Weight* found = graph.weight(node, role);
    if (!found) return {};
    return found->quant ? fake_quantize(found->value, *found->quant) : found->value;
  }

  Tensor conv() const {
    const auto& a = node.as<ConvAttributes>();
    const Tensor weight = this->weight("weight"), bias = this->weight("bias");
    const Shape& in = input(0).shape();
    const Shape& ws = weight.shape();
    const auto size = [&](int i) {
      return (in[2 + i] + 2 * a.padding[i] - a.dilation[i] * (a.kernel[i] - 1) - 1) / a.stride[i] + 1;
    };
    Tensor out(DType::f32, {in[0], ws[0], size(0), size(1)});
    const Shape& os = out.shape();
    const auto x = input(0).values<float>(), w = weight.values<float>();
    const auto y = out.mutable_values<float>();
    const int64_t per_group = ws[0] / a.groups;
    for (int64_t n = 0; n < os[0]; ++n)
      for (int64_t o = 0; o < os[1]; ++o)
        for (int64_t r = 0; r < os[2]; ++r)
          for (int64_t c = 0; c < os[3]; ++c) {
            double sum = bias.empty() ? 0.0 : bias.values<float>()[o];
            for (int64_t i = 0; i < ws[1]; ++i)
              for (int64_t kr = 0; kr < ws[2]; ++kr)
                for (int64_t kc = 0; kc < ws[3]; ++kc) {
                  const int64_t from_r = r * a.stride[0] - a.padding[0] + kr * a.dilation[0];
                  const int64_t from_c = c * a.stride[1] - a.padding[1] + kc * a.dilation[1];
                  if (from_r < 0 || from_r >= in[2] || from_c < 0 || from_c >= in[3]) continue;
                  const int64_t channel = o / per_group * ws[1] + i;
                  sum += static_cast<double>(x[at(in, n, channel, from_r, from_c)]) * w[at(ws, o, i, kr, kc)];
                }
            y[at(os, n, o, r, c)] = activate(sum, node.activation);
          }
    return out;
  }

  Tensor batch_norm() const {
    const Tensor gamma = weight("weight"), beta = weight("bias");
    const Tensor mean = weight("running_mean"), var = weight("running_var");
    const double epsilon = node.as<BatchNormAttributes>().epsilon;
    const Shape& s = input(0).shape();
    Tensor out(DType::f32, s);
    const int64_t area = s[2] * s[3];
    const auto x = input(0).values<float>();
    const auto y = out.mutable_values<float>();
    for (int64_t i = 0; i < out.size(); ++i) {
      const int64_t c = i / area % s[1];
      const double normal =
          (static_cast<double>(x[i]) - mean.values<float>()[c]) / std::sqrt(var.values<float>()[c] + epsilon);
      y[i] = static_cast<float>(normal * gamma.values<float>()[c] + beta.values<float>()[c]);
    }
    return out;
  }

  Tensor linear() const {
    const Tensor weight = this->weight("weight"), bias = this->weight("bias");
    const int64_t batch = input(0).shape()[0], in = weight.shape()[1], features = weight.shape()[0];
    Tensor out(DType::f32, {batch, features});
    const auto x = input(0).values<float>(), w = weight.values<float>();
    for (int64_t n = 0; n < batch; ++n)
      for (int64_t o = 0; o < features; ++o) {
        double sum = bias.empty() ? 0.0 : bias.values<float>()[o];
        for (int64_t i = 0; i < in; ++i) sum += static_cast<double>(x[n * in + i]) * w[o * in + i];
        out.mutable_values<float>()[n * features + o] = activate(sum, node.activation);
      }
    return out;
  }

  template <typename Function>
  Tensor pairwise(const Function& f) const {
    Tensor out(DType::f32, input(0).shape());
    const auto a = input(0).values<float>(), b = input(1).values<float>();
    const auto y = out.mutable_values<float>();
    for (size_t i = 0; i < y.size(); ++i) y[i] = activate(f(double{a[i]}, double{b[i]}), node.activation);
    return out;
  }

  /// Channels [first, first + count) of each image from one tensor to another.
  static void copy_channels(const Tensor& from, int64_t from_first, Tensor& to, int64_t to_first, int64_t count) {
    const Shape& fs = from.shape();
    const Shape& ts = to.shape();
    const int64_t area = fs[2] * fs[3];
    for (int64_t n = 0; n < fs[0]; ++n) {
      const auto begin = from.values<float>().begin() + (n * fs[1] + from_first) * area;
      std::copy(begin, begin + count * area, to.mutable_values<float>().begin() + (n * ts[1] + to_first) * area);
    }
  }

  Tensor concat() const {
    Shape shape = input(0).shape();
    shape[1] = 0;
    for (size_t i = 0; i < node.inputs.size(); ++i) shape[1] += input(i).shape()[1];
    Tensor out(DType::f32, shape);
    int64_t first = 0;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const int64_t channels = input(i).shape()[1];
      copy_channels(input(i), 0, out, first, channels);
      first += channels;
    }
    return out;
  }

  std::vector<Tensor> split() const {
    std::vector<Tensor> out;
    int64_t first = 0;
    for (int64_t size : node.as<SplitAttributes>().sizes) {
      const Shape& s = input(0).shape();
      out.emplace_back(DType::f32, Shape{s[0], size, s[2], s[3]});
      copy_channels(input(0), first, out.back(), 0, size);
      first += size;
    }
    return out;
  }

  Tensor max_pool() const {
    const auto& a = node.as<PoolAttributes>();
    const Shape& in = input(0).shape();
    const auto size = [&](int i) { return (in[2 + i] + 2 * a.padding[i] - a.kernel[i]) / a.stride[i] + 1; };
    Tensor out(DType::f32, {in[0], in[1], size(0), size(1)});
    const Shape& os = out.shape();
    const auto x = input(0).values<float>();
    for (int64_t n = 0; n < os[0]; ++n)
      for (int64_t ch = 0; ch < os[1]; ++ch)
        for (int64_t r = 0; r < os[2]; ++r)
          for (int64_t c = 0; c < os[3]; ++c) {
            float most = -std::numeric_limits<float>::infinity();
            const int64_t top = r * a.stride[0] - a.padding[0], left = c * a.stride[1] - a.padding[1];
            for (int64_t i = std::max<int64_t>(top, 0); i < std::min(top + a.kernel[0], in[2]); ++i)
              for (int64_t j = std::max<int64_t>(left, 0); j < std::min(left + a.kernel[1], in[3]); ++j)
                most = std::max(most, x[at(in, n, ch, i, j)]);
            out.mutable_values<float>()[at(os, n, ch, r, c)] = most;
          }
    return out;
  }

  Tensor upsample() const {
    const int64_t factor = node.as<UpsampleAttributes>().factor;
    const Shape& in = input(0).shape();
    Tensor out(DType::f32, {in[0], in[1], in[2] * factor, in[3] * factor});
    const Shape& os = out.shape();
    const auto y = out.mutable_values<float>();
    for (int64_t i = 0; i < out.size(); ++i) {
      const int64_t c = i % os[3], r = i / os[3] % os[2], plane = i / (os[2] * os[3]);
      y[i] = input(0).values<float>()[(plane * in[2] + r / factor) * in[3] + c / factor];
    }
    return out;
  }

  Tensor global_avg_pool() const {
    const Shape& in = input(0).shape();
    Tensor out(DType::f32, {in[0], in[1], 1, 1});
    const int64_t area = in[2] * in[3];
    for (int64_t plane = 0; plane < out.size(); ++plane) {
      double sum = 0;
      for (int64_t i = 0; i < area; ++i) sum += input(0).values<float>()[plane * area + i];
      out.mutable_values<float>()[plane] = static_cast<float>(sum / static_cast<double>(area));
    }
    return out;
  }

  std::vector<Tensor> run() const {
    const auto with = [&](Activation activation) {
      return map_values(input(0), [=](float x) { return activate(x, activation); });
    };
    switch (node.op) {
      case Op::conv: return {conv()};
      case Op::batch_norm: return {batch_norm()};
      case Op::silu: return {with(Activation::silu)};
      case Op::relu: return {with(Activation::relu)};
      case Op::sigmoid:
        return {map_values(input(0), [](double x) { return static_cast<float>(1 / (1 + std::exp(-x))); })};
      case Op::add: return {pairwise([](double a, double b) { return a + b; })};
      case Op::mul: return {pairwise([](double a, double b) { return a * b; })};
      case Op::concat: return {concat()};
      case Op::max_pool: return {max_pool()};
      case Op::upsample: return {upsample()};
      case Op::split: return split();
      case Op::global_avg_pool: return {global_avg_pool()};
      case Op::flatten: return {input(0).reshaped({input(0).shape()[0], input(0).shape()[1]})};
      case Op::linear: return {linear()};
    }
    fail_attributes(node);
  }
};

/// ONNX's DynamicQuantizeLinear, then DequantizeLinear, of each image by itself.
Tensor by_own_range(const Tensor& value) {
  Tensor out = value;
  const auto all = out.mutable_values<float>();
  const size_t images = static_cast<size_t>(value.shape().at(0)), size = all.size() / images;
  for (size_t image = 0; image < images; ++image) {
    const auto x = all.subspan(image * size, size);
    float least = 0, most = 0;
    for (const float v : x) {
      least = std::min(least, v);
      most = std::max(most, v);
    }
    const float scale = most == least ? 1.0f : (most - least) / 255.0f;
    const float zero_point = std::nearbyint(std::clamp(0.0f - least / scale, 0.0f, 255.0f));
    for (float& v : x) v = (std::clamp(std::nearbyint(v / scale) + zero_point, 0.0f, 255.0f) - zero_point) * scale;
  }
  return out;
}

}  // namespace

Tensor fake_quantize(const Tensor& value, const QuantParams& quant) {
  if (quant.dynamic) return by_own_range(value);
  switch (value.dtype()) {
    case DType::u8: return dequantize<uint8_t>(value, quant);
    case DType::i8: return dequantize<int8_t>(value, quant);
    case DType::i32: return dequantize<int32_t>(value, quant);
    default: break;
  }
  Tensor out = value;
  const auto x = out.mutable_values<float>();
  const size_t block = x.size() / quant.scale.size();
  for (size_t i = 0; i < x.size(); ++i) {
    const size_t c = i / block;
    double q = std::clamp(static_cast<double>(std::nearbyint(x[i] / quant.scale[c])) + quant.zero_point[c],
                          static_cast<double>(quant.q_min()), static_cast<double>(quant.q_max()));
    if (!quant.levels.empty()) {
      q = 0;
      for (const double level : quant.levels) {
        const double away = std::abs(x[i] / quant.scale[c] - level), least = std::abs(x[i] / quant.scale[c] - q);
        if (away < least || (away == least && std::abs(level) < std::abs(q))) q = level;
      }
    }
    if (quant.group_size > 0) {
      const auto inputs = static_cast<size_t>(value.shape()[1]), size = static_cast<size_t>(quant.group_size);
      const size_t row = x.size() / static_cast<size_t>(value.shape()[0]), groups = (inputs + size - 1) / size;
      const double factor = quant.group_factors.at(i / row * groups + i % row / (row / inputs) / size);
      const double most = (1 << (quant.bits - 1)) - 1;
      q = factor * std::clamp<double>(std::nearbyint(x[i] / quant.scale[c] / static_cast<float>(factor)), -most, most);
    }
    x[i] = static_cast<float>((q - quant.zero_point[c]) * quant.scale[c]);
  }
  return out;
}

std::vector<Tensor> execute_all(const Graph& graph, const std::vector<Tensor>& inputs) {
  std::vector<Tensor> values(graph.edges.size());
  const auto store = [&](EdgeId id, const Tensor& value) {
    const Edge& edge = graph.edge(id);
    values.at(id) = edge.quant ? fake_quantize(value, *edge.quant) : value;
  };
  ensure(inputs.size() == graph.inputs.size(), "[reference] expected {} inputs, got {}", graph.inputs.size(),
         inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    ensure(inputs[i].dtype() == graph.edge(graph.inputs[i]).dtype, "[reference] input {} has another dtype", i);
    store(graph.inputs[i], inputs[i]);
  }
  for (const Node& node : graph.nodes) {
    const std::vector<Tensor> outputs = Executor{graph, node, values}.run();
    for (size_t i = 0; i < outputs.size(); ++i) store(node.outputs.at(i), outputs[i]);
  }
  return values;
}

std::vector<Tensor> execute(const Graph& graph, const std::vector<Tensor>& inputs) {
  const std::vector<Tensor> values = execute_all(graph, inputs);
  std::vector<Tensor> outputs;
  for (EdgeId id : graph.outputs) outputs.push_back(values.at(id));
  return outputs;
}

std::vector<Tensor> random_inputs(const Graph& graph, int64_t batch, uint64_t seed) {
  std::vector<Tensor> inputs;
  for (EdgeId id : graph.inputs) {
    const Edge& edge = graph.edge(id);
    Shape shape = edge.shape;
    shape.at(0) = batch;
    Tensor value(edge.dtype, shape);
    Rng rng(seed, edge.name);
    if (edge.dtype == DType::u8) {
      for (uint8_t& x : value.mutable_values<uint8_t>()) x = static_cast<uint8_t>(rng.below(256));
    } else {
      for (float& x : value.mutable_values<float>()) x = static_cast<float>(rng.uniform());
    }
    inputs.push_back(std::move(value));
  }
  return inputs;
}

double largest_difference(const Tensor& a, const Tensor& b) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (a.shape() != b.shape()) return kInfinity;
  double most = 0;
  for (size_t i = 0; i < a.values<float>().size(); ++i) {
    const double difference = std::abs(static_cast<double>(a.values<float>()[i]) - b.values<float>()[i]);
    if (std::isnan(difference)) return kInfinity;
    most = std::max(most, difference);
  }
  return most;
}

}  // namespace quench::graph::reference
