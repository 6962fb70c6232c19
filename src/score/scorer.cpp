#include "score/scorer.h"

#include "core/error.h"
#include "core/task.h"
#include "core/task_list.h"
#include "models/task.h"

namespace quench::score {

#define QUENCH_DECLARE(name)                                                                              \
  std::unique_ptr<Scorer> make_##name##_scorer(const graph::Graph&, std::span<const std::string> classes, \
                                               const Json& settings);
QUENCH_TASKS(QUENCH_DECLARE)
#undef QUENCH_DECLARE

std::unique_ptr<Scorer> make_scorer(const graph::Graph& graph, std::span<const std::string> classes,
                                    const Json& settings) {
  const std::string task = require_task(models::task_of(graph), "[score]").name;
  std::unique_ptr<Scorer> scorer;
#define QUENCH_MAKE(name) \
  if (task == #name) scorer = make_##name##_scorer(graph, classes, settings);
  QUENCH_TASKS(QUENCH_MAKE)
#undef QUENCH_MAKE
  ensure(scorer != nullptr, "[score] no scorer for '{}'", task);
  scorer->output_names_ = output_names(graph);
  return scorer;
}

}  // namespace quench::score
