#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/cancel.h"
#include "processes/group.h"
#include "processes/place.h"

namespace quench::collectives {

struct JoinOptions {
  double join_seconds = 300;   ///< how long all may take to come
  double wait_seconds = 1800;  ///< how long one act may take, where another process neither comes nor is gone
  std::string interface = {};  ///< network interface of the sums, by name ("ib0"); empty: the one that leads to rank 0
  bool cuda = false;           ///< tensors are on a CUDA device: sums of them by NCCL, where LibTorch has it
  bool shared_memory = true;   ///< sums of processes that are all on one machine go through memory that they share
  const CancelToken* cancel = nullptr;  ///< ends the wait for others to come
  /// Called while others are waited for; what it throws ends the wait.
  std::function<void()> check = {};
};

/// Whether this build can have several processes work together: LibTorch with c10d and Gloo. Else why not.
std::string why_not();

/// Meets the other processes by c10d: a store at `address`:`port`, which rank 0 serves, and connections of Gloo between
/// all. With one process alone, processes::alone().
///
/// Throws Error{unsupported} where this build cannot; Error{io} where the port is taken, the address is not known, or
/// some do not come in time, naming their ranks; Error{cancelled}.
std::unique_ptr<processes::Group> join(const processes::Place& place, const JoinOptions& options = {});

}  // namespace quench::collectives
