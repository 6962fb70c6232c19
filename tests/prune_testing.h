#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/rng.h"
#include "prune/channel_groups.h"
#include "prune/selection.h"

namespace quench::prune {

/// Scores by seed, between 0 and 1.
inline Scores random_scores(const std::vector<ChannelGroup>& groups, uint64_t seed) {
  Scores scores;
  Rng rng(seed, "prune test");
  for (const ChannelGroup& group : groups) {
    std::vector<double>& of_group = scores.emplace_back();
    for (int64_t i = 0; i < group.width(); ++i) of_group.push_back(rng.uniform());
  }
  return scores;
}

/// Batch norms as a training leaves them: no parameter at its start.
inline void shake_batch_norms(graph::Graph& graph, uint64_t seed) {
  Rng rng(seed, "prune test");
  for (const graph::Node& node : graph.nodes) {
    if (node.op != graph::Op::batch_norm) continue;
    const auto fill = [&](const char* role, double low, double high) {
      for (float& x : graph.weight(node, role)->value.mutable_values<float>()) {
        x = static_cast<float>(rng.uniform(low, high));
      }
    };
    fill("weight", 0.5, 1.5);
    fill("bias", -0.5, 0.5);
    fill("running_mean", -0.5, 0.5);
    fill("running_var", 0.5, 1.5);
  }
}

/// Largest difference of two lists of tensors over the largest value of the first.
inline double relative_difference(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  EXPECT_EQ(a.size(), b.size());
  double difference = 0, largest = 1e-6;
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i].shape() != b[i].shape()) return INFINITY;
    const auto x = a[i].values<float>(), y = b[i].values<float>();
    for (size_t k = 0; k < x.size(); ++k) {
      difference = std::max(difference, static_cast<double>(std::abs(x[k] - y[k])));
      largest = std::max(largest, static_cast<double>(std::abs(x[k])));
      if (!std::isfinite(x[k]) || !std::isfinite(y[k])) return INFINITY;
    }
  }
  return difference / largest;
}

}  // namespace quench::prune
