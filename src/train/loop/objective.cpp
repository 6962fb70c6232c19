#include "train/loop/objective.h"

#include "core/error.h"
#include "core/task_list.h"
#include "models/task.h"

namespace quench::train {

#define QUENCH_DECLARE(name) \
  std::unique_ptr<Objective> name##_objective(const graph::Graph&, const data::Splits&, const FitSettings& settings);
QUENCH_TASKS(QUENCH_DECLARE)
#undef QUENCH_DECLARE

std::unique_ptr<Objective> make_objective(const graph::Graph& graph, const data::Splits& data,
                                          const FitSettings& settings) {
  const std::string task = models::task_of(graph);
  if (task != data.train->task()) {
    fail(ErrorKind::config, "[train] expected data for the model's task '{}', got {} for '{}'", task, data.name,
         data.train->task());
  }
#define QUENCH_MAKE(name) \
  if (task == #name) return name##_objective(graph, data, settings);
  QUENCH_TASKS(QUENCH_MAKE)
#undef QUENCH_MAKE
  fail(ErrorKind::config, "[train] expected a model of a task that can be trained, got '{}'", task);
}

}  // namespace quench::train
