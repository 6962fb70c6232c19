#include "train/distill/task_distillation.h"

#include "core/error.h"
#include "core/task_list.h"
#include "models/task.h"

namespace quench::train {

#define QUENCH_DECLARE(name)                                                                                      \
  std::unique_ptr<TaskDistillation> name##_distillation(const graph::Graph& student, const graph::Graph& teacher, \
                                                        const DistillSettings& distill, const FitSettings& settings);
QUENCH_TASKS(QUENCH_DECLARE)
#undef QUENCH_DECLARE

std::unique_ptr<TaskDistillation> make_task_distillation(const graph::Graph& student, const graph::Graph& teacher,
                                                         const DistillSettings& distill, const FitSettings& settings) {
  const std::string task = models::task_of(student);
  if (models::task_of(teacher) != task) {
    fail(ErrorKind::config, "[train.distill] expected a teacher for the task '{}', got one for '{}'", task,
         models::task_of(teacher));
  }
  const Shape own = student.edge(student.inputs.at(0)).shape, others = teacher.edge(teacher.inputs.at(0)).shape;
  if (own != others) {
    fail(ErrorKind::config, "[train.distill] expected a teacher of inputs {} as the model's own, got {}",
         to_string(own), to_string(others));
  }
#define QUENCH_MAKE(name) \
  if (task == #name) return name##_distillation(student, teacher, distill, settings);
  QUENCH_TASKS(QUENCH_MAKE)
#undef QUENCH_MAKE
  fail(ErrorKind::config, "[train.distill] expected a model of a task that can be trained, got '{}'", task);
}

}  // namespace quench::train
