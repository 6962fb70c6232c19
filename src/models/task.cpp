#include "models/no_task.h"
#include "models/task.h"

#include <algorithm>

#include "core/error.h"
#include "core/json.h"
#include "core/task.h"

namespace quench::models {

std::string task_of(const graph::Graph& graph) {
  const auto found = graph.metadata.find("task");
  return found == graph.metadata.end() ? default_task() : found->second;
}

std::vector<std::string> class_names(const graph::Graph& graph) {
  const auto found = graph.metadata.find("classes");
  if (found == graph.metadata.end()) return {};
  const Json names = parse_json(found->second, "metadata 'classes'");
  if (!names.is_array() || !std::ranges::all_of(names, [](const Json& name) { return name.is_string(); })) {
    fail(ErrorKind::data, "[models] expected a list of texts in metadata 'classes', got {}",
         found->second.substr(0, 200));
  }
  const Shape shape = graph.outputs.size() == 1 ? graph.edge(graph.outputs[0]).shape : Shape{};
  const auto count = static_cast<int64_t>(names.size());
  const Task* task = find_task(task_of(graph));
  if (task && task->labels == Labels::image_class && count > 0 && shape.size() == 2 && shape[1] != count) {
    fail(ErrorKind::data, "[models] expected the names of the model's {} classes in metadata 'classes', got {}",
         shape[1], count);
  }
  return names.get<std::vector<std::string>>();
}

void require_fit(const graph::Graph& graph, std::string_view task, const std::vector<std::string>& classes) {
  if (task_of(graph) == kNoTask) return;
  if (task_of(graph) != task) {
    fail(ErrorKind::data, "[models] expected data for the model's task '{}', got data for '{}'", task_of(graph), task);
  }
  const std::vector<std::string> names = class_names(graph);
  if (names == classes || names.empty()) return;
  if (names[0] == "0" && names.size() == classes.size()) return;
  fail(ErrorKind::data, "[models] expected the model's {} classes ({}, ...) in the data, got {} ({}, ...)",
       names.size(), names[0], classes.size(), classes.empty() ? "" : classes[0]);
}

}  // namespace quench::models
