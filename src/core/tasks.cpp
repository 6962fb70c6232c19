// What the tasks of today are.
#include <algorithm>

#include "core/error.h"
#include "core/task.h"
#include "core/task_list.h"

namespace quench {

Task describe_classify() { return {"classify", Labels::image_class, {"top1", "top5"}, 1000}; }

Task describe_detect() {
  return {
      "detect",
      Labels::objects,
      {"map_50_95", "map_50", "map_75", "map_95", "map_small", "map_medium", "map_large", "ar_1", "ar_10", "ar_100"},
      80};
}

const std::vector<Task>& tasks() {
  static const std::vector<Task> all{
#define QUENCH_ROW(name) describe_##name(),
      QUENCH_TASKS(QUENCH_ROW)
#undef QUENCH_ROW
  };
  return all;
}

const Task* find_task(std::string_view name) {
  const auto found = std::ranges::find(tasks(), name, &Task::name);
  return found == tasks().end() ? nullptr : &*found;
}

const Task& require_task(std::string_view name, std::string_view where) {
  if (const Task* found = find_task(name)) return *found;
  std::vector<std::string> names;
  for (const Task& task : tasks()) names.push_back(task.name);
  fail(ErrorKind::data, "{}: expected a task, one of {}, got '{}'", where, fmt::join(names, ", "), name);
}

Labels labels_of(std::string_view task) { return require_task(task, "[core.task]").labels; }

const std::string& default_task() { return tasks().front().name; }

}  // namespace quench
