#include "quant/float_weights.h"

#include "core/error.h"
#include "graph/verify.h"

namespace quench::quant {
namespace {

template <typename T>
Tensor dequantized(const Tensor& value, const graph::QuantParams& params) {
  Tensor out(DType::f32, value.shape());
  const auto from = value.values<T>();
  const auto to = out.mutable_values<float>();
  const size_t channels = params.scale.size();
  ensure(channels > 0 && (params.axis <= 0) && from.size() % channels == 0,
         "[quant.float_weights] expected scales along the first axis, got {} for {}", channels,
         to_string(value.shape()));
  const size_t each = from.size() / channels;
  for (size_t i = 0; i < from.size(); ++i) {
    const size_t c = i / each;
    const int64_t steps = static_cast<int64_t>(from[i]) - params.zero_point[c];
    to[i] = static_cast<float>(static_cast<double>(steps) * params.scale[c]);
  }
  return out;
}

}  // namespace

graph::Graph with_float_weights(const graph::Graph& converted) {
  graph::Graph out = converted;
  for (auto& [name, weight] : out.weights) {
    if (!weight.quant || weight.value.dtype() == DType::f32) continue;
    if (weight.value.dtype() == DType::i8) {
      weight.value = dequantized<int8_t>(weight.value, *weight.quant);
    } else if (weight.value.dtype() == DType::i32) {
      weight.value = dequantized<int32_t>(weight.value, *weight.quant);
      weight.quant.reset();
    } else {
      fail(ErrorKind::data, "[quant.float_weights] expected int8 or int32, got {} ({})",
           to_string(weight.value.dtype()), name);
    }
  }
  graph::verify(out);
  return out;
}

}  // namespace quench::quant
