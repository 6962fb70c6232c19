#pragma once

#include <memory>

#include "collectives/memory_lane.h"
#include "collectives/shared_memory.h"
#include "processes/group.h"

namespace quench::collectives {

/// What the processes of a group have that are all on one machine: two lanes, since sums that are on their way have an
/// order of their own, and notice of each other's end.
class OneMachine {
 public:
  /// An act of all: shares memory among them. Null, for all, where they are on several machines, in several containers
  /// or of several users, where the system cannot tell when another process ends (Linux before 5.3), or where one of
  /// them does not want it.
  static std::unique_ptr<OneMachine> meet(processes::Group& group, bool wanted);

  MemoryLane front, behind;
  bool one_has_ended() const { return watch_->one_has_ended(); }

 private:
  OneMachine(std::unique_ptr<SharedMemory> memory, std::unique_ptr<ProcessWatch> watch, const processes::Group& group);

  std::unique_ptr<SharedMemory> memory_;
  std::unique_ptr<ProcessWatch> watch_;
};

}  // namespace quench::collectives
