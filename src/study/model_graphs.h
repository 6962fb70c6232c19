#pragma once

#include <map>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "study/plan.h"

namespace quench::study {

/// The models of a study as Graphs with initial weights, each built once: what checks of a plan look at.
class ModelGraphs {
 public:
  /// classes: of the data; none where there are no data, of which no model can be built. They must outlive this.
  explicit ModelGraphs(const std::vector<std::string>& classes) : classes_(classes) {}
  const std::vector<std::string>& classes() const { return classes_; }
  /// Throws where there are no classes.
  const graph::Graph& of(const ModelEntry& model);

 private:
  const std::vector<std::string>& classes_;
  std::map<std::string, graph::Graph> graphs_;  ///< by label
};

}  // namespace quench::study
