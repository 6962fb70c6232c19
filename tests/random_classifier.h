#pragma once

#include <string>

#include "core/rng.h"
#include "graph/graph.h"
#include "models/spec.h"

namespace quench {

/// A classifier of five classes by name, with initial weights of a seed, and batch norms whose variances are small
/// enough for values to keep their size through all layers.
inline graph::Graph random_classifier(const std::string& name, int64_t imgsz) {
  models::BuildOptions options;
  options.classes = {"a", "b", "c", "d", "e"};
  options.imgsz = imgsz;
  options.seed = 7;
  graph::Graph model = models::build(name, options);
  Rng rng(3, "batch-norms");
  for (auto& [weight_name, weight] : model.weights) {
    if (!weight_name.ends_with("running_var")) continue;
    for (float& v : weight.value.mutable_values<float>()) v = static_cast<float>(rng.uniform(0.1, 0.5));
  }
  return model;
}

}  // namespace quench
