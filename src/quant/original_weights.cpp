#include "quant/original_weights.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace quench::quant {

graph::Graph with_original_weights(graph::Graph quantized, const graph::Graph& twin) {
  constexpr double kNeighbour = 1.01;  // steps: rounded up or down, and float rounding
  for (auto& [name, weight] : quantized.weights) {
    if (!weight.quant) continue;
    const Tensor& original = twin.weights.at(name).value;
    const auto now = weight.value.values<float>(), then = original.values<float>();
    const size_t each = now.size() / weight.quant->scale.size();
    for (size_t i = 0; i < now.size(); ++i) {
      const double scale = weight.quant->scale[i / each];
      const double most = static_cast<double>(weight.quant->q_max()) * scale;
      const double away = std::abs(std::clamp(static_cast<double>(then[i]), -most, most) - now[i]);
      if (away <= kNeighbour * scale) continue;
      fail(ErrorKind::config,
           "[quant.original_weights] expected the float model that was rounded to these integers, got one that is "
           "{:.3g} steps away (weight {}, position {})",
           away / scale, name, i);
    }
    weight.value = original;
  }
  return quantized;
}

}  // namespace quench::quant
