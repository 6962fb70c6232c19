#pragma once

#include <memory>
#include <string>
#include <vector>

#include "processes/place.h"

namespace quench::processes {

/// The other processes of a command that works with several on this machine: the command itself again, with RANK,
/// WORLD_SIZE, LOCAL_RANK, MASTER_ADDR and MASTER_PORT as torchrun sets them. This process is rank 0. What they print
/// is kept, not shown: what matters of it they say through the group.
class Companions {
 public:
  /// Starts ranks 1 .. world_size - 1. arguments: the command, its program first. port: where all meet; 0: a free one.
  /// Throws Error{io}.
  Companions(std::vector<std::string> arguments, int world_size, int port = 0);
  /// Waits some seconds for those that still run, then ends them.
  ~Companions();
  Companions(const Companions&) = delete;
  Companions& operator=(const Companions&) = delete;

  /// This process's place among them.
  Place place() const;
  /// Why one has ended that should not have: "rank 1 was ended by signal 9" or its last line; empty where all run, or
  /// ended well. For who waits for them to come, and to say more of one that was lost.
  std::string failure() const;
  /// Throws Error{backend} with failure() where there is one.
  void check() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The arguments that this process was called with, its program as the system has it.
std::vector<std::string> own_arguments();

}  // namespace quench::processes
