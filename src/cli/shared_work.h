#pragma once

#include <functional>

#include "core/shards.h"
#include "program/command.h"

namespace quench::cli {

/// A command's work. shards: null where this process is alone. The environment of processes other than the first has a
/// log that says nothing; they write no file and print nothing.
using SharedCommand = std::function<int(const program::Environment& environment, const Shards* shards)>;

/// Runs it in this process alone; or as one of several, where torchrun, or Slurm's srun and the option `world_size`,
/// say so; or in `world_size` processes on this machine, of which this is the first, where the options ask for more
/// than one. Each has its part of the processors that they share.
///
/// Throws what the work throws: where it fails in one process, all stop, and the first says why. Throws
/// Error{unsupported} where this build has one process only, Error{backend} naming a process that is gone.
int run_shared(const Json& options, const program::Environment& environment, const SharedCommand& work);

/// Throws Error{config} where several processes are asked for, or this is one of several. why: "with --against".
void require_alone(const Json& options, const std::string& why);

inline bool leads(const Shards* shards) { return shards == nullptr || shards->rank() == 0; }

/// The sum over all processes.
int64_t summed(const Shards* shards, int64_t value);

}  // namespace quench::cli
