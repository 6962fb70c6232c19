#include "integer_executor.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "core/error.h"
#include "runtime/native/silu_terms.h"

namespace quench::graph::reference {

float silu_of_bytes(float x) {
  using runtime::native::kSiluTerms;
  const float n = std::max(std::min(x, -x), runtime::native::kSiluLeast);
  float q = 0;
  for (size_t i = std::size(kSiluTerms); i-- > 0;) q = std::fma(q, n, kSiluTerms[i]);
  return std::fma(n, q, std::max(x, 0.0f));
}

namespace {

/// Integers with their meaning, or floats where `scale` is 0.
struct Value {
  int64_t channels = 0, height = 1, width = 1;
  std::vector<int32_t> q;
  std::vector<float> x;
  float scale = 0;
  int32_t zero = 0, low = 0, high = 0;

  bool integer() const { return scale != 0; }
  int64_t size() const { return channels * height * width; }
  double real(size_t i) const { return integer() ? static_cast<double>(scale) * (q[i] - zero) : double{x[i]}; }
  float real32(size_t i) const { return integer() ? static_cast<float>(q[i] - zero) * scale : x[i]; }
};

Value like(const Shape& shape) {
  Value v;
  v.channels = shape[1];
  if (shape.size() == 4) v.height = shape[2], v.width = shape[3];
  return v;
}

void give(Value& v, const QuantParams& quant) {
  v.scale = quant.scale[0];
  const int32_t shift = quant.dtype == DType::i8 ? 128 : 0;
  v.zero = quant.zero_point[0] + shift;
  v.low = static_cast<int32_t>(quant.q_min()) + shift;
  v.high = static_cast<int32_t>(quant.q_max()) + shift;
}

/// A real number in steps, to an integer of v.
int32_t rounded(const Value& v, double steps, bool positive = false) {
  const int32_t low = positive ? std::max(v.low, v.zero) : v.low;
  return static_cast<int32_t>(std::nearbyint(std::clamp<double>(steps, low - v.zero, v.high - v.zero))) + v.zero;
}

/// k of a factor 2^k.
int power_of(float factor) {
  int power = 0;
  if (std::frexp(factor, &power) != 0.5f) fail(ErrorKind::unsupported, "{} is no power of two", factor);
  return power - 1;
}

/// sum * 2^power, rounded half to even, as an integer of v. Of integers alone.
int32_t shifted(const Value& v, int64_t sum, int power, bool positive = false) {
  int64_t q = 0;
  if (power >= 0) {
    q = sum << power;
  } else {
    q = sum >> -power;
    const int64_t rest = sum - (q << -power), half = int64_t{1} << (-power - 1);
    if (rest > half || (rest == half && q % 2 != 0)) ++q;
  }
  const int32_t low = positive ? std::max(v.low, v.zero) : v.low;
  return static_cast<int32_t>(std::clamp<int64_t>(q, low - v.zero, v.high - v.zero)) + v.zero;
}

/// (sum >> shift) with halves up, as an integer of v. Of integers alone.
int32_t halves_up(const Value& v, int64_t sum, int shift, bool positive = false) {
  const int64_t divisor = int64_t{1} << shift, doubled = 2 * (sum % divisor);
  int64_t q = sum / divisor;  // towards 0; the rest has the sign of the sum
  if (doubled >= divisor) ++q;
  if (doubled < -divisor) --q;
  const int32_t low = positive ? std::max(v.low, v.zero) : v.low;
  return static_cast<int32_t>(std::clamp<int64_t>(q, low - v.zero, v.high - v.zero)) + v.zero;
}

/// The largest shift up to `most` at which the factor, rounded to an integer, has at most `bits` bits; and that
/// integer.
std::pair<int64_t, int> dyadic_of(double factor, int bits, int most) {
  int shift = most;
  while (std::nearbyint(factor * std::pow(2.0, shift)) >= std::pow(2.0, bits)) --shift;
  return {static_cast<int64_t>(std::nearbyint(factor * std::pow(2.0, shift))), shift};
}

int32_t dyadic(const Value& v, int64_t sum, double factor, bool positive = false) {
  const auto [multiplier, shift] = dyadic_of(factor, 31, 62);
  return halves_up(v, sum * multiplier, shift, positive);
}

/// How integers of other steps become bytes.
enum class Change { floats, shifts, dyadic };

/// A bias in steps of `step`: as it stands where its own are these.
int64_t bias_in_steps(const Weight& bias, size_t channel, double step) {
  const double q = bias.value.values<int32_t>()[channel];
  const double own = bias.quant->scale[bias.quant->scale.size() == 1 ? 0 : channel];
  return static_cast<int64_t>(std::fabs(own / step - 1) <= 1e-5 ? q : std::nearbyint(q * own / step));
}

[[noreturn]] void open(const Node& node) { fail(ErrorKind::unsupported, "the definition leaves {} open", node.name); }

struct Run {
  const Graph& graph;
  std::vector<Value> values;
  Change change = Change::floats;
  std::map<EdgeId, Value> bytes = {};  ///< of edges with a range of their own, whose `values` are floats

  Value& at(EdgeId edge) { return values[static_cast<size_t>(edge)]; }

  Value target(EdgeId edge) {
    Value v = like(graph.edge(edge).shape);
    if (graph.edge(edge).quant && !graph.edge(edge).quant->dynamic) give(v, *graph.edge(edge).quant);
    v.q.resize(static_cast<size_t>(v.size()));
    v.x.resize(static_cast<size_t>(v.size()));
    return v;
  }

  /// Floats of an edge that is quantized become its integers.
  void put(EdgeId edge, const std::vector<float>& floats) {
    Value v = target(edge);
    for (size_t i = 0; i < floats.size(); ++i) {
      v.x[i] = floats[i];
      if (v.integer()) v.q[i] = rounded(v, floats[i] / v.scale);
    }
    at(edge) = v;
  }

  /// ONNX's DynamicQuantizeLinear of the floats of an edge, and DequantizeLinear: what others than layers read.
  void give_own_range(EdgeId edge) {
    const auto& quant = graph.edge(edge).quant;
    if (!quant || !quant->dynamic) return;
    Value v = target(edge), floats = v;
    const Value& made = at(edge);
    float least = 0, most = 0;
    for (size_t i = 0; i < v.q.size(); ++i) {
      least = std::min(least, made.real32(i));
      most = std::max(most, made.real32(i));
    }
    v.scale = most == least ? 1.0f : (most - least) / 255.0f;
    v.zero = static_cast<int32_t>(std::nearbyint(std::clamp(0.0f - least / v.scale, 0.0f, 255.0f)));
    v.low = 0, v.high = 255;
    for (size_t i = 0; i < v.q.size(); ++i) {
      v.q[i] = rounded(v, made.real32(i) / v.scale);
      floats.x[i] = v.real32(i);
    }
    bytes[edge] = v;
    at(edge) = floats;
  }

  /// Whether a node reads floats, in whose order of additions nothing is open.
  bool reads_floats(const Node& node) {
    return std::ranges::any_of(node.inputs, [&](EdgeId edge) { return !at(edge).integer(); });
  }

  /// Sums and biases as floats.
  void weighted_dynamic(const Node& node, const std::vector<int32_t>& sums, const Value& in) {
    const Weight& weight = graph.required_weight(node, "weight");
    const Weight* bias = graph.weight(node, "bias");
    if (node.activation == Activation::silu) open(node);
    std::vector<float> made(sums.size());
    const size_t area = sums.size() / static_cast<size_t>(weight.value.shape()[0]);
    for (size_t i = 0; i < made.size(); ++i) {
      const size_t o = i / area;
      const double scale = static_cast<double>(in.scale) * weight.quant->scale[weight.quant->scale.size() == 1 ? 0 : o];
      float own = 0;
      if (bias && bias->value.dtype() == DType::f32) own = bias->value.values<float>()[o];
      if (bias && bias->value.dtype() == DType::i32) {
        own = static_cast<float>(bias->value.values<int32_t>()[o]) *
              bias->quant->scale[bias->quant->scale.size() == 1 ? 0 : o];
      }
      made[i] = std::fma(static_cast<float>(sums[i]), static_cast<float>(scale), own);
      if (node.activation == Activation::relu) made[i] = std::max(made[i], 0.0f);
    }
    put(node.outputs[0], made);
  }

  void weighted(const Node& node) {
    const Weight& weight = graph.required_weight(node, "weight");
    const auto own_range = bytes.find(node.inputs[0]);
    const bool dynamic = own_range != bytes.end();
    const Weight* bias = dynamic ? nullptr : graph.weight(node, "bias");
    const Value& in = dynamic ? own_range->second : at(node.inputs[0]);
    std::vector<int32_t> sums;
    if (!in.integer() || !weight.quant || weight.value.dtype() != DType::i8) open(node);
    const ConvAttributes a = node.op == Op::conv ? node.as<ConvAttributes>() : ConvAttributes{};
    const Shape& ws = weight.value.shape();
    Value out = target(node.outputs[0]);
    const auto w = weight.value.values<int8_t>();
    const int64_t per_group = ws[0] / a.groups, area = a.kernel[0] * a.kernel[1];
    for (int64_t o = 0; o < out.channels; ++o) {
      const float ws_scale = weight.quant->scale[weight.quant->scale.size() == 1 ? 0 : static_cast<size_t>(o)];
      const double product_scale = static_cast<double>(in.scale) * ws_scale;
      for (int64_t y = 0; y < out.height; ++y) {
        for (int64_t x = 0; x < out.width; ++x) {
          int64_t sum = bias ? bias_in_steps(*bias, static_cast<size_t>(o), product_scale) : 0;
          for (int64_t i = 0; i < ws[1]; ++i) {
            for (int64_t k = 0; k < area; ++k) {
              const int64_t row = y * a.stride[0] - a.padding[0] + k / a.kernel[1] * a.dilation[0];
              const int64_t column = x * a.stride[1] - a.padding[1] + k % a.kernel[1] * a.dilation[1];
              if (row < 0 || row >= in.height || column < 0 || column >= in.width) continue;
              const int64_t channel = o / per_group * ws[1] + i;
              const int32_t q = in.q[static_cast<size_t>((channel * in.height + row) * in.width + column)];
              sum += int64_t{q - in.zero} * w[static_cast<size_t>((o * ws[1] + i) * area + k)];
            }
          }
          if (dynamic) {
            sums.push_back(static_cast<int32_t>(sum));
            continue;
          }
          const auto index = static_cast<size_t>((o * out.height + y) * out.width + x);
          const auto acc = static_cast<float>(static_cast<int32_t>(sum));
          const bool relu = node.activation == Activation::relu;
          if (node.activation == Activation::silu) {
            if (!out.integer() || change != Change::floats) open(node);
            const float value = silu_of_bytes(acc * static_cast<float>(product_scale));
            out.q[index] = rounded(out, value * static_cast<float>(1.0 / out.scale));
          } else if (out.integer() && change == Change::shifts) {
            out.q[index] = shifted(out, sum, power_of(static_cast<float>(product_scale / out.scale)), relu);
          } else if (out.integer() && change == Change::dyadic) {
            out.q[index] = dyadic(out, sum, product_scale / out.scale, relu);
          } else if (out.integer()) {
            out.q[index] = rounded(out, acc * static_cast<float>(product_scale / out.scale), relu);
          } else {
            const float value = acc * static_cast<float>(product_scale);
            out.x[index] = relu ? std::max(value, 0.0f) : value;
          }
        }
      }
    }
    if (dynamic) return weighted_dynamic(node, sums, in);
    at(node.outputs[0]) = out;
  }

  void unary(const Node& node) {
    const Value& in = at(node.inputs[0]);
    Value out = target(node.outputs[0]);
    if (!in.integer() && node.op == Op::relu) {
      for (float& x : out.x) x = std::max(in.x[static_cast<size_t>(&x - out.x.data())], 0.0f);
      return put(node.outputs[0], out.x);
    }
    if (!in.integer() || !out.integer()) open(node);
    for (size_t i = 0; i < in.q.size(); ++i) {
      const double x = in.real(i), sigmoid = 1 / (1 + std::exp(-x));
      const double y = node.op == Op::silu ? x * sigmoid : node.op == Op::sigmoid ? sigmoid : std::max(x, 0.0);
      out.q[i] = rounded(out, y / out.scale);
    }
    at(node.outputs[0]) = out;
  }

  void add(const Node& node) {
    const Value &a = at(node.inputs[0]), &b = at(node.inputs[1]);
    Value out = target(node.outputs[0]);
    if (reads_floats(node) && node.activation != Activation::silu) {
      for (size_t i = 0; i < out.x.size(); ++i) {
        out.x[i] = a.real32(i) + b.real32(i);
        if (node.activation == Activation::relu) out.x[i] = std::max(out.x[i], 0.0f);
      }
      return put(node.outputs[0], out.x);
    }
    if (!a.integer() || !b.integer() || !out.integer() || node.activation == Activation::silu) open(node);
    const auto scale_a = static_cast<float>(static_cast<double>(a.scale) / out.scale);
    const auto scale_b = static_cast<float>(static_cast<double>(b.scale) / out.scale);
    const double exact_a = static_cast<double>(a.scale) / out.scale, exact_b = static_cast<double>(b.scale) / out.scale;
    const auto [larger, shift] = dyadic_of(std::max(exact_a, exact_b), 21, 30);
    const auto [lesser, same] = dyadic_of(std::min(exact_a, exact_b), 21, shift);
    for (size_t i = 0; i < out.q.size() && change == Change::dyadic; ++i) {
      const bool a_is_larger = exact_a >= exact_b;
      const int64_t sum =
          (a.q[i] - a.zero) * (a_is_larger ? larger : lesser) + (b.q[i] - b.zero) * (a_is_larger ? lesser : larger);
      out.q[i] = halves_up(out, sum, same, node.activation == Activation::relu);
    }
    for (size_t i = 0; i < out.q.size() && change == Change::shifts; ++i) {
      const int left = power_of(scale_a), right = power_of(scale_b), least = std::min(left, right);
      const int64_t sum = (int64_t{a.q[i] - a.zero} << (left - least)) + (int64_t{b.q[i] - b.zero} << (right - least));
      out.q[i] = shifted(out, sum, least, node.activation == Activation::relu);
    }
    for (size_t i = 0; i < out.q.size() && change == Change::floats; ++i) {
      const float left = static_cast<float>(a.q[i] - a.zero) * scale_a;
      const float right = static_cast<float>(b.q[i] - b.zero) * scale_b;
      out.q[i] = rounded(out, left + right, node.activation == Activation::relu);
    }
    at(node.outputs[0]) = out;
  }

  void mul(const Node& node) {
    const Value &a = at(node.inputs[0]), &b = at(node.inputs[1]);
    std::vector<float> product(static_cast<size_t>(a.size()));
    for (size_t i = 0; i < product.size(); ++i) product[i] = a.real32(i) * b.real32(i);
    put(node.outputs[0], product);
  }

  /// Integer i of `in` as one of `out`: as it is where both mean the same.
  static int32_t moved(const Value& in, size_t i, const Value& out) {
    const bool same = in.scale == out.scale && in.zero == out.zero && in.low == out.low && in.high == out.high;
    return same ? in.q[i] : rounded(out, in.real(i) / static_cast<double>(out.scale));
  }

  /// Operations that choose among values: source(c, y, x) is the index in the input, or -1 to leave the value.
  template <typename Choose>
  void choose(const Node& node, size_t output, const Choose& source) {
    const Value& in = at(node.inputs[0]);
    Value out = target(node.outputs[output]);
    if (in.integer() && !out.integer()) {
      out.scale = in.scale, out.zero = in.zero, out.low = in.low, out.high = in.high;
    }
    for (int64_t c = 0; c < out.channels; ++c) {
      for (int64_t y = 0; y < out.height; ++y) {
        for (int64_t x = 0; x < out.width; ++x) {
          const auto to = static_cast<size_t>((c * out.height + y) * out.width + x);
          const size_t from = source(in, c, y, x);
          if (in.integer()) {
            out.q[to] = moved(in, from, out);
          } else {
            out.x[to] = in.x[from];
          }
        }
      }
    }
    if (!in.integer()) return put(node.outputs[output], out.x);
    at(node.outputs[output]) = out;
  }

  void max_pool(const Node& node) {
    const auto& pool = node.as<PoolAttributes>();
    choose(node, 0, [&](const Value& in, int64_t c, int64_t y, int64_t x) {
      int64_t best = -1;
      for (int64_t k = 0; k < pool.kernel[0] * pool.kernel[1]; ++k) {
        const int64_t row = y * pool.stride[0] - pool.padding[0] + k / pool.kernel[1];
        const int64_t column = x * pool.stride[1] - pool.padding[1] + k % pool.kernel[1];
        if (row < 0 || row >= in.height || column < 0 || column >= in.width) continue;
        const int64_t index = (c * in.height + row) * in.width + column;
        if (best < 0 || in.real32(static_cast<size_t>(index)) > in.real32(static_cast<size_t>(best))) best = index;
      }
      return static_cast<size_t>(best);
    });
  }

  void concat(const Node& node) {
    Value out = target(node.outputs[0]);
    size_t next = 0;
    if (reads_floats(node)) {
      for (const EdgeId edge : node.inputs) {
        for (size_t i = 0; i < static_cast<size_t>(at(edge).size()); ++i) out.x[next++] = at(edge).real32(i);
      }
      return put(node.outputs[0], out.x);
    }
    if (!out.integer()) open(node);
    for (const EdgeId edge : node.inputs) {
      const Value& in = at(edge);
      for (size_t i = 0; i < in.q.size(); ++i) out.q[next++] = moved(in, i, out);
    }
    at(node.outputs[0]) = out;
  }

  void split(const Node& node) {
    int64_t first = 0;
    for (size_t k = 0; k < node.outputs.size(); ++k) {
      choose(node, k, [&](const Value& in, int64_t c, int64_t y, int64_t x) {
        return static_cast<size_t>(((first + c) * in.height + y) * in.width + x);
      });
      first += graph.edge(node.outputs[k]).shape[1];
    }
  }

  void average(const Node& node) {
    const Value& in = at(node.inputs[0]);
    Value out = target(node.outputs[0]);
    const int64_t area = in.height * in.width;
    if (!in.integer()) {
      for (int64_t c = 0; c < in.channels; ++c) {
        float sum = 0;
        for (int64_t i = 0; i < area; ++i) sum += in.x[static_cast<size_t>(c * area + i)];
        out.x[static_cast<size_t>(c)] = sum / static_cast<float>(area);
      }
      return put(node.outputs[0], out.x);
    }
    const auto scale = static_cast<float>(static_cast<double>(in.scale) / (out.integer() ? out.scale : 1.0) /
                                          static_cast<double>(area));
    for (int64_t c = 0; c < in.channels; ++c) {
      int32_t sum = 0;
      for (int64_t i = 0; i < area; ++i) sum += in.q[static_cast<size_t>(c * area + i)] - in.zero;
      const float mean = static_cast<float>(sum) * scale;
      out.x[static_cast<size_t>(c)] = mean;
      if (out.integer()) {
        const double exact = static_cast<double>(in.scale) / out.scale / static_cast<double>(area);
        out.q[static_cast<size_t>(c)] = change == Change::shifts   ? shifted(out, sum, power_of(scale))
                                        : change == Change::dyadic ? dyadic(out, sum, exact)
                                                                   : rounded(out, mean);
      }
    }
    at(node.outputs[0]) = out;
  }

  void run(const Node& node) {
    switch (node.op) {
      case Op::conv:
      case Op::linear: return weighted(node);
      case Op::silu:
      case Op::relu:
      case Op::sigmoid: return unary(node);
      case Op::add: return add(node);
      case Op::mul: return mul(node);
      case Op::concat: return concat(node);
      case Op::split: return split(node);
      case Op::max_pool: return max_pool(node);
      case Op::global_avg_pool: return average(node);
      case Op::flatten:
        return choose(node, 0, [](const Value&, int64_t c, int64_t, int64_t) { return static_cast<size_t>(c); });
      case Op::upsample: {
        const int64_t factor = node.as<UpsampleAttributes>().factor;
        return choose(node, 0, [factor](const Value& in, int64_t c, int64_t y, int64_t x) {
          return static_cast<size_t>((c * in.height + y / factor) * in.width + x / factor);
        });
      }
      case Op::batch_norm: open(node);
    }
  }
};

std::vector<Tensor> execute(const Graph& graph, const Tensor& image, Change change) {
  Run run{graph, std::vector<Value>(graph.edges.size()), change};
  const Edge& input = graph.edge(graph.inputs[0]);
  if (input.dtype == DType::u8) {
    Value v = run.target(graph.inputs[0]);
    for (size_t i = 0; i < v.q.size(); ++i) v.q[i] = image.values<uint8_t>()[i];
    run.at(graph.inputs[0]) = v;
  } else {
    const auto floats = image.values<float>();
    run.put(graph.inputs[0], {floats.begin(), floats.end()});
  }
  for (const Node& node : graph.nodes) {
    run.run(node);
    for (const EdgeId edge : node.outputs) run.give_own_range(edge);
  }
  std::vector<Tensor> outputs;
  for (const EdgeId edge : graph.outputs) {
    const Value& v = run.at(edge);
    Tensor out(DType::f32, graph.edge(edge).shape);
    for (size_t i = 0; i < static_cast<size_t>(v.size()); ++i) out.mutable_values<float>()[i] = v.real32(i);
    outputs.push_back(std::move(out));
  }
  return outputs;
}

}  // namespace

std::vector<Tensor> execute_integer(const Graph& graph, const Tensor& image) {
  return execute(graph, image, Change::floats);
}

std::vector<Tensor> execute_shifts(const Graph& graph, const Tensor& image) {
  return execute(graph, image, Change::shifts);
}

std::vector<Tensor> execute_dyadic(const Graph& graph, const Tensor& image) {
  return execute(graph, image, Change::dyadic);
}

}  // namespace quench::graph::reference
