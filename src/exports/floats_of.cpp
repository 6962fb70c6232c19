#include "exports/floats_of.h"

#include <algorithm>

namespace quench::exports {

float scale_of(const graph::Weight& weight, size_t channel) {
  return weight.quant->scale[weight.quant->scale.size() == 1 ? 0 : channel];
}

std::vector<float> floats_of(const graph::Weight& weight) {
  std::vector<float> out(static_cast<size_t>(weight.value.size()));
  if (weight.value.dtype() == DType::f32) {
    std::ranges::copy(weight.value.values<float>(), out.begin());
    return out;
  }
  const size_t row = out.size() / static_cast<size_t>(weight.value.shape().at(0));
  const auto fill = [&](auto values) {
    for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<float>(values[i]) * scale_of(weight, i / row);
  };
  weight.value.dtype() == DType::i8 ? fill(weight.value.values<int8_t>()) : fill(weight.value.values<int32_t>());
  return out;
}

}  // namespace quench::exports
