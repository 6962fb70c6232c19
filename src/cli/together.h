#pragma once

#include <functional>

#include "core/shards.h"
#include "processes/group.h"
#include "program/command.h"

namespace quench::cli {

/// One of the processes that run a command together.
struct Together {
  const program::Environment& environment;  ///< of ranks above 0 the log says nothing
  processes::Group* group = nullptr;        ///< null: one process
  int local_rank = 0;
  const Shards* shards = nullptr;  ///< where they share pictures instead of training: of the same processes
  /// Whether this process writes what the command makes.
  bool leads() const { return (group == nullptr || group->leads()) && (shards == nullptr || shards->rank() == 0); }
};

/// Runs a command as one process, or as one of several that meet: where `world_size` of its settings says so, this
/// process starts the others on this machine; where torchrun (RANK, WORLD_SIZE) or, with `world_size`, a step of
/// Slurm's srun started it as one of several, it joins them. given: what the user said. Returns what `work` does.
///
/// An Error of one process ends all. It is reported once: by rank 0, or the first rank that is left. alone: how long
/// the work may go on by itself after another process that this one started has failed.
enum class AfterLoss {
  until_they_meet,  ///< until its next act with the others: it saves what it has
  not_at_all,       ///< its `cancel` is set: what it does is for nothing
};
int run_together(const Json& given, const program::Environment& environment,
                 const std::function<int(const Together&)>& work, AfterLoss after = AfterLoss::until_they_meet);

/// Whether run_together() would run it as one of several.
bool is_one_of_several(const Json& given);

}  // namespace quench::cli
