#include "models/task.h"

#include "core/error.h"
#include "core/json.h"
#include "core/task.h"

namespace quench::models {

std::string task_of(const graph::Graph& graph) {
  const auto found = graph.metadata.find("task");
  return found == graph.metadata.end() ? default_task() : found->second;
}

void require_fit(const graph::Graph& graph, std::string_view task, const std::vector<std::string>& classes) {
  if (task_of(graph) != task) {
    fail(ErrorKind::data, "[models] expected data for the model's task '{}', got data for '{}'", task_of(graph), task);
  }
  const auto found = graph.metadata.find("classes");
  if (found == graph.metadata.end()) return;
  const Json names = parse_json(found->second, "metadata 'classes'");
  if (names == Json(classes) || names.empty()) return;
  if (!names.is_array()) fail(ErrorKind::data, "[models] expected a list in metadata 'classes', got {}", names.dump());
  if (names[0] == "0" && names.size() == classes.size()) return;
  fail(ErrorKind::data, "[models] expected the model's {} classes ({}, ...) in the data, got {} ({}, ...)",
       names.size(), names[0].dump(), classes.size(), classes.empty() ? "" : classes[0]);
}

}  // namespace quench::models
