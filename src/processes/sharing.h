#pragma once

#include <string>

#include "processes/group.h"

namespace quench::processes {

/// How many of the group's processes share the processors of this one: those on the same machine that may use the same
/// ones (1 where each has its own, as Slurm binds them). An act of all.
int sharing_processors(Group& group);

/// The name of this machine.
std::string host_name();

}  // namespace quench::processes
