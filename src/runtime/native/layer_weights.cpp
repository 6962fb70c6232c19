#include "runtime/native/layer_weights.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"

namespace quench::runtime::native {

namespace {

constexpr int64_t kMostSum = std::numeric_limits<int32_t>::max();

int32_t integer_at(const Tensor& value, size_t i) {
  switch (value.dtype()) {
    case DType::i8: return value.values<int8_t>()[i];
    case DType::u8: return value.values<uint8_t>()[i];
    default: return value.values<int32_t>()[i];
  }
}

/// Entry of a list of one, or of one a channel.
template <typename T>
T of_channel(const std::vector<T>& list, size_t channel) {
  return list[list.size() == 1 ? 0 : channel];
}

void require_symmetric(const graph::Weight& weight, const std::string& node) {
  const std::vector<int32_t>& zero = weight.quant->zero_point;
  const auto other = std::find_if(zero.begin(), zero.end(), [](int32_t z) { return z != 0; });
  if (weight.value.dtype() != DType::i8 || other != zero.end()) {
    fail(ErrorKind::unsupported, "[runtime.native] expected int8 weights of zero point 0, got {} of {} (node {})",
         to_string(weight.value.dtype()), other == zero.end() ? 0 : *other, node);
  }
  const auto values = weight.value.values<int8_t>();
  if (std::count(values.begin(), values.end(), int8_t{-128}) > 0) {
    fail(ErrorKind::unsupported, "[runtime.native] expected weights in [-127,127], got -128 (node {})", node);
  }
}

int32_t in_steps(double real, double step, const std::string& node) {
  const double q = std::nearbyint(real / step);
  if (!(std::abs(q) <= static_cast<double>(kMostSum))) {
    fail(ErrorKind::unsupported, "[runtime.native] a bias of {:g} does not fit int32 in steps of {:g} (node {})", real,
         step, node);
  }
  return static_cast<int32_t>(q);
}

Tensor integer_bias(const graph::Weight& bias, const std::vector<float>& scale, float in_scale,
                    const std::string& node) {
  constexpr double kEqual = 1e-5;  // relative: scales that were multiplied in another order
  Tensor out(DType::i32, {static_cast<int64_t>(scale.size())});
  const auto to = out.mutable_values<int32_t>();
  for (size_t c = 0; c < to.size(); ++c) {
    const double step = static_cast<double>(in_scale) * scale[c];
    if (bias.value.dtype() == DType::f32) {
      to[c] = in_steps(bias.value.values<float>()[c], step, node);
      continue;
    }
    const double own = of_channel(bias.quant->scale, c);
    const int32_t q = integer_at(bias.value, c);
    to[c] = std::abs(own - step) <= kEqual * step ? q : in_steps(q * own, step, node);
  }
  return out;
}

/// Whatever the input (differences to a zero point are at most 255), and whatever the order of the sum.
void require_int32_sums(const Tensor& weight, const Tensor& bias, const std::string& node) {
  const auto values = weight.values<int8_t>();
  const auto biases = bias.values<int32_t>();
  const size_t depth = values.size() / biases.size();
  for (size_t c = 0; c < biases.size(); ++c) {
    int64_t most = std::abs(int64_t{biases[c]});
    for (size_t i = 0; i < depth; ++i) most += 255 * std::abs(int64_t{values[c * depth + i]});
    if (most > kMostSum) {
      fail(ErrorKind::unsupported, "[runtime.native] sums of channel {} can reach {}, more than int32 holds (node {})",
           c, most, node);
    }
  }
}

}  // namespace

Tensor float_weight(const graph::Weight& weight) {
  if (weight.value.dtype() == DType::f32) return weight.value;
  Tensor out(DType::f32, weight.value.shape());
  const auto values = out.mutable_values<float>();
  const size_t run = values.size() / static_cast<size_t>(out.shape().at(0));
  for (size_t i = 0; i < values.size(); ++i) {
    const int32_t q = integer_at(weight.value, i) - of_channel(weight.quant->zero_point, i / run);
    values[i] = static_cast<float>(q) * of_channel(weight.quant->scale, i / run);
  }
  return out;
}

IntegerWeights integer_weights(const graph::Weight& weight, const graph::Weight* bias, float in_scale,
                               const std::string& node) {
  require_symmetric(weight, node);
  const int64_t channels = weight.value.shape().at(0);
  IntegerWeights layer{weight.value, weight.quant->scale, Tensor(DType::i32, {channels})};
  layer.scale.resize(static_cast<size_t>(channels), layer.scale[0]);
  if (bias) layer.bias = integer_bias(*bias, layer.scale, in_scale, node);
  require_int32_sums(layer.weight, layer.bias, node);
  return layer;
}

}  // namespace quench::runtime::native
