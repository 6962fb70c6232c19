#include "quant/observed_values.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "graph/links.h"
#include "graph/magnitude.h"
#include "graph/scale_groups.h"

namespace quench::quant {
namespace {

bool read_by_silu_alone(const graph::Graph& graph, const graph::Links& links, const std::vector<graph::EdgeId>& group) {
  return std::ranges::all_of(group, [&](graph::EdgeId edge) {
    return !links.consumers[edge].empty() && !links.is_output[edge] &&
           std::ranges::all_of(links.consumers[edge],
                               [&](int node) { return graph.nodes[node].op == graph::Op::silu; });
  });
}

}  // namespace

ObservedGroups observed_groups(const Placement& placement) {
  const graph::Links links(placement.graph);
  ObservedGroups out;
  out.group_of.assign(placement.graph.edges.size(), -1);
  for (size_t i = 0; i < placement.groups.size(); ++i) {
    out.before_silu.push_back(read_by_silu_alone(placement.graph, links, placement.groups[i]));
    for (const graph::EdgeId edge : graph::sources_of(placement.graph, links, placement.groups[i])) {
      out.group_of[static_cast<size_t>(edge)] = static_cast<int>(i);
    }
  }
  return out;
}

std::span<const float> observed_values(const torch::Tensor& value, torch::Tensor& held) {
  held = value.is_non_overlapping_and_dense() ? value : value.contiguous();
  const auto [low, high] = held.aminmax();
  const float largest = std::max(std::abs(low.item<float>()), std::abs(high.item<float>()));
  if (std::isfinite(largest) && largest > graph::kLargestMagnitude) {
    fail(ErrorKind::data, "[quant.calibrate] expected values of at most {:g}, got {:g}", graph::kLargestMagnitude,
         largest);
  }
  return {held.data_ptr<float>(), static_cast<size_t>(held.numel())};
}

}  // namespace quench::quant
