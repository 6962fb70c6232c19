#include "prediction/picture_reader.h"

#include "core/error.h"
#include "core/task.h"
#include "core/task_list.h"
#include "models/task.h"

namespace quench::prediction {

#define QUENCH_DECLARE(name) \
  std::unique_ptr<PictureReader> make_##name##_reader(const graph::Graph&, InputSize, const Json& options);
QUENCH_TASKS(QUENCH_DECLARE)
#undef QUENCH_DECLARE

std::unique_ptr<PictureReader> make_reader(const graph::Graph& graph, InputSize input, const Json& options) {
  const std::string task = require_task(models::task_of(graph), "[prediction]").name;
#define QUENCH_MAKE(name) \
  if (task == #name) return make_##name##_reader(graph, input, options);
  QUENCH_TASKS(QUENCH_MAKE)
#undef QUENCH_MAKE
  fail(ErrorKind::internal, "[prediction] no reader for '{}'", task);
}

}  // namespace quench::prediction
