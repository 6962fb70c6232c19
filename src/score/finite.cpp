#include "score/finite.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "graph/magnitude.h"

namespace quench::score {
namespace {

bool is_good(float value) { return std::abs(value) <= graph::kLargestMagnitude; }  // not so for NaN

bool all_good(std::span<const float> values) {
  unsigned bad = 0;  // no early end: so the loop vectorizes
  for (const float value : values) bad |= is_good(value) ? 0u : 1u;
  return bad == 0;
}

}  // namespace

void require_finite(std::span<const Tensor> outputs, std::span<const std::string> names) {
  for (size_t i = 0; i < outputs.size(); ++i) {
    const std::span<const float> values = outputs[i].values<float>();
    if (all_good(values)) continue;
    fail(ErrorKind::data,
         "[score] expected outputs of finite values up to {:g}, got {:g} in '{}': the model's weights or activations "
         "run away",
         graph::kLargestMagnitude, *std::ranges::find_if_not(values, is_good),
         i < names.size() ? names[i] : std::to_string(i));
  }
}

void require_finite(std::span<const Tensor> outputs, const graph::Graph& graph) {
  require_finite(outputs, output_names(graph));
}

std::vector<std::string> output_names(const graph::Graph& graph) {
  std::vector<std::string> names;
  for (const graph::EdgeId edge : graph.outputs) names.push_back(graph.edge(edge).name);
  return names;
}

}  // namespace quench::score
