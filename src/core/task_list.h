#pragma once

/// The one list of tasks: X(name) for each, the default first. Of every name there is a function in each room that
/// knows something of tasks, found by the linker (CONTRIBUTING.md, "How to add a task"):
///
///     core/tasks.cpp          Task describe_NAME()                  what it is
///     config/task_tables.cpp  TaskTables NAME_tables()              its settings
///     score/NAME_scorer.cpp   score::make_NAME_scorer(...)          raw outputs to figures
///     train/loop/NAME_objective.cpp  train::NAME_objective(...)     its loss
///     weights/heads.cpp       weights::NAME_head()                  its head in released files
///     inference/predict_NAME.cpp  inference::make_NAME_reader(...)  what a model says of one picture
#define QUENCH_TASKS(X) \
  X(classify)           \
  X(detect)
