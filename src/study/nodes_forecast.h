#pragma once

#include <cstdint>
#include <vector>

#include "study/run.h"

namespace quench::study {

/// What the open jobs of a plan take on some nodes at once.
struct NodesTime {
  int64_t nodes = 1;
  double seconds = 0;  ///< until the last job has ended
  double in_use = 0;   ///< share of the nodes' time in which they work, 0 to 1
};

/// What is open in a plan: jobs that are to do or run, and whose time is estimated. Others count as taking no time.
struct OpenWork {
  double seconds = 0;         ///< of all jobs, one after the other
  std::vector<size_t> chain;  ///< places of the longest chain, its first job first
  double chain_seconds = 0;   ///< of it: however many nodes, it takes no less
  int64_t unknown = 0;        ///< open jobs without an estimate
};

OpenWork open_work(const std::vector<PlannedJob>& jobs);

/// Plays what workers do (study/worker.h) with one of them on each of `nodes` equal machines, each as fast as the one
/// that the estimates are of: a free node takes the ready job that begins the longest chain, and jobs that want a
/// machine alone come last. One worker a node, so that timings have it alone. What claims cost is left out
/// (0.06 ms to 0.5 s a job, by the file system: docs/cluster.md). The result lies between max(seconds / nodes, chain)
/// and seconds / nodes + (1 - 1/nodes) chain (Graham 1969).
NodesTime time_on_nodes(const std::vector<PlannedJob>& jobs, int64_t nodes);

}  // namespace quench::study
