#include "quant/original_weights.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "graph/weight_groups.h"

namespace quench::quant {
namespace {

/// Steps between the neighbours that are furthest apart.
double widest_step(const std::vector<int8_t>& levels) {
  int widest = 1;
  for (size_t i = 0; i + 1 < levels.size(); ++i) widest = std::max(widest, levels[i + 1] - levels[i]);
  return widest;
}

}  // namespace

graph::Graph with_original_weights(graph::Graph quantized, const graph::Graph& twin) {
  constexpr double kNeighbour = 1.01;  // steps: rounded up or down, and float rounding
  for (auto& [name, weight] : quantized.weights) {
    if (!weight.quant) continue;
    const Tensor& original = twin.weights.at(name).value;
    const auto now = weight.value.values<float>(), then = original.values<float>();
    const size_t each = now.size() / weight.quant->scale.size();
    const std::vector<int8_t>& levels = weight.quant->levels;
    const bool groups = weight.quant->group_size > 0;
    const std::vector<uint8_t> factors =
        groups ? graph::factors_of_weights(*weight.quant, weight.value.shape()) : std::vector<uint8_t>();
    for (size_t i = 0; i < now.size(); ++i) {
      const double scale = weight.quant->scale[i / each] * (groups ? factors[i] : 1.0);
      const auto most = static_cast<double>(graph::largest_code(*weight.quant));
      const double low = (levels.empty() ? -most : levels.front()) * scale;
      const double high = (levels.empty() ? most : levels.back()) * scale;
      const double away = std::abs(std::clamp(static_cast<double>(then[i]), low, high) - now[i]);
      if (away <= kNeighbour * scale * widest_step(levels)) continue;
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
