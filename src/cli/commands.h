#pragma once

#include <string>
#include <vector>

#include "methods/step.h"
#include "program/command.h"

namespace quench::cli {

/// All commands of `quench`, in the order of --help; those of `steps` that are commands among them.
std::vector<program::Command> make_commands(const methods::StepTable& steps);
/// With the steps of methods/step_list.h.
const std::vector<program::Command>& commands();

/// A step as a command: its settings, those of the data that it reads and of the model that it begins with.
program::Command step_command(const methods::StepInfo& step);

/// The table entry of a name. Throws Error{internal} for an unknown one.
const program::Command& command(const std::string& name);

}  // namespace quench::cli
