#include "prune/weight_sensitivity.h"

#include <cmath>

#include "core/error.h"

namespace quench::prune {

WeightSensitivity::WeightSensitivity(const graph::Graph& graph, std::vector<std::string> names, int64_t batch)
    : graph_(graph), batch_(batch) {
  for (std::string& name : names) {
    const auto size = static_cast<size_t>(graph.weights.at(name).value.size());
    sums_.emplace(std::move(name), std::vector<float>(size));
  }
}

void WeightSensitivity::add(const SeenBatch& seen) {
  ++batches_;
  for (auto& [name, sums] : sums_) {
    const auto gradient = seen.gradients.find(name);
    if (gradient == seen.gradients.end()) continue;
    const auto g = gradient->second.values<float>(), w = graph_.weights.at(name).value.values<float>();
    ensure(g.size() == w.size(), "[prune] expected {} gradients, got {} (weight {})", w.size(), g.size(), name);
    for (size_t i = 0; i < w.size(); ++i) {
      const float product = g[i] * w[i];
      if (!std::isfinite(product)) {
        fail(ErrorKind::data, "[prune] expected finite gradients, got {} (weight {})", g[i], name);
      }
      sums[i] += product * product;
    }
  }
}

std::vector<float> WeightSensitivity::scores(const std::string& name) const {
  if (batches_ == 0) fail(ErrorKind::data, "[prune] expected gradients of one batch or more, got none");
  std::vector<float> mean = sums_.at(name);
  for (float& score : mean) score /= static_cast<float>(batches_);
  return mean;
}

}  // namespace quench::prune
