#include "models/preparation.h"

#include "core/task.h"
#include "models/task.h"

namespace quench::models {
namespace {

constexpr const char* kKey = "preparation";

}  // namespace

pixels::Preparation preparation_of(const graph::Graph& graph) {
  const auto found = graph.metadata.find(kKey);
  if (found == graph.metadata.end()) return {};
  const Task* task = find_task(task_of(graph));
  if (task && task->labels == Labels::objects) return {};
  return pixels::preparation_from(found->second, "metadata 'preparation'");
}

void set_preparation(graph::Graph& graph, const pixels::Preparation& preparation) {
  graph.metadata.erase(kKey);
  if (!preparation.is_own()) graph.metadata[kKey] = pixels::to_text(preparation);
}

}  // namespace quench::models
