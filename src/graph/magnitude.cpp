#include "graph/magnitude.h"

#include <cmath>

#include "core/error.h"

namespace quench::graph {
namespace {

[[noreturn]] void fail_by(float value, const std::string& what) {
  fail(ErrorKind::data, "[graph.magnitude] expected values of at most {:g}, got {:g} ({})", kLargestMagnitude, value,
       what);
}

void check_values(std::span<const float> values, const std::string& what) {
  for (const float value : values) {
    if (!(std::abs(value) <= kLargestMagnitude)) fail_by(value, what);
  }
}

/// The largest value that the parameters can stand for. Of int32 (biases), one step alone: few of them are ever taken.
void check_range(const QuantParams& quant, const std::string& what) {
  const float steps = quant.dtype == DType::i32 ? 1.0f : static_cast<float>(quant.q_max() - quant.q_min());
  for (const float scale : quant.scale) {
    if (!(scale * steps <= kLargestMagnitude)) fail_by(scale * steps, what);
  }
}

}  // namespace

void require_magnitudes(const Graph& graph) {
  for (const auto& [name, weight] : graph.weights) {
    if (weight.value.dtype() == DType::f32) check_values(weight.value.values<float>(), "weight " + name);
    if (weight.quant) check_range(*weight.quant, "weight " + name);
  }
  for (const Edge& edge : graph.edges) {
    if (edge.quant) check_range(*edge.quant, "activation " + edge.name);
  }
}

}  // namespace quench::graph
