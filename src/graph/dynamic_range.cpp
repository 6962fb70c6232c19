#include "graph/dynamic_range.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace quench::graph {

QuantParams dynamic_params() {
  QuantParams params{DType::u8, 8, {1.0f}, {0}, -1};
  params.dynamic = true;
  return params;
}

DynamicRange dynamic_range(float low, float high) {
  constexpr float kSteps = 255;
  low = std::min(low, 0.0f);
  high = std::max(high, 0.0f);
  const float scale = (high - low) / kSteps;
  if (!(scale >= std::numeric_limits<float>::min())) return {};
  return {scale, static_cast<int32_t>(std::nearbyint(std::clamp(0 - low / scale, 0.0f, kSteps)))};
}

bool has_dynamic_ranges(const Graph& graph) { return std::ranges::any_of(graph.edges, is_dynamic); }

}  // namespace quench::graph
