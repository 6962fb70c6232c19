#include "models/task.h"

namespace quench::models {

std::string task_of(const graph::Graph& graph) {
  const auto found = graph.metadata.find("task");
  return found == graph.metadata.end() ? "classify" : found->second;
}

}  // namespace quench::models
