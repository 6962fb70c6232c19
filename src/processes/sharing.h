#pragma once

#include <string>

#include "processes/group.h"

namespace quench::processes {

/// How many of the group's processes share the processors of this one: those on the same machine that may use the same
/// ones (1 where each has its own, as Slurm binds them). An act of all.
int sharing_processors(Group& group);

/// Processors for this process where `sharing` of them share those that it may use: usable_processors() (core), 1 at
/// least.
int share_of_processors(int sharing);

/// The name of this machine.
std::string host_name();

}  // namespace quench::processes
