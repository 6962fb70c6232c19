#pragma once

#include <string>
#include <vector>

#include "core/task.h"
#include "methods/step.h"
#include "program/command.h"

namespace quench::cli {

/// All commands of `quench`, in the order of --help; those of `steps` that are commands among them.
/// task: whose defaults the settings have.
std::vector<program::Command> make_commands(const methods::StepTable& steps, const std::string& task = default_task());
/// With the steps of methods/step_list.h.
const std::vector<program::Command>& commands();
/// The same for a command line: where it asks for help and names a model (`train --help --model yolov8n`), with the
/// defaults of the model's task.
const std::vector<program::Command>& commands_for(int argc, char** argv);

/// A step as a command: its settings, those of the data that it reads and of the model that it begins with.
program::Command step_command(const methods::StepInfo& step, const std::string& task = default_task());

/// The table entry of a name. Throws Error{internal} for an unknown one.
const program::Command& command(const std::string& name);

}  // namespace quench::cli
