#pragma once

/// The one list of tasks: X(name) for each, the default first. Of every name there is a function in each room that
/// knows something of tasks, found by the linker (CONTRIBUTING.md, "How to add a task"):
///
///     core/tasks.cpp                 describe_NAME()     what it is
///     config/task_tables.cpp         NAME_tables()       its settings
///     score/NAME_scorer.cpp          make_NAME_scorer()  raw outputs to figures
///     weights/heads.cpp              NAME_head()         its head in released files
///     train/loop/NAME_objective.cpp  NAME_objective()    its loss; train/distill/NAME_distillation.cpp likewise
///     prediction/NAME_reader.cpp     make_NAME_reader()  what a model says of one picture
#define QUENCH_TASKS(X) \
  X(classify)           \
  X(detect)
