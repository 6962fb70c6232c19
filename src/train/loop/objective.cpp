#include "train/loop/objective.h"

#include "core/error.h"
#include "models/task.h"

namespace quench::train {

std::unique_ptr<Objective> make_objective(const graph::Graph& graph, const data::Splits& data,
                                          const FitSettings& settings) {
  const std::string task = models::task_of(graph);
  if (task != data.train->task()) {
    fail(ErrorKind::config, "[train] expected data for the model's task '{}', got {} for '{}'", task, data.name,
         data.train->task());
  }
  if (task == "classify") return classify_objective(graph, data, settings);
  if (task == "detect") return detect_objective(graph, data, settings);
  fail(ErrorKind::config, "[train] expected a model for classify or detect, got '{}'", task);
}

}  // namespace quench::train
