#pragma once

#include <filesystem>
#include <vector>

#include "study/job_graph.h"
#include "study/job_times.h"

namespace quench::study {

/// For each job the seconds of the longest chain that begins with it: its own and those of what waits for it. Who takes
/// the longest first ends soon after max(all seconds / workers, longest chain) (Graham 1969; critical-path scheduling).
/// after: places of the jobs that come before; they stand before.
std::vector<double> longest_chains(const std::vector<double>& seconds, const std::vector<std::vector<size_t>>& after);

/// The chains of the open jobs of a graph, for an order of work alone: a job of which nothing is known counts as a
/// minute an epoch where it trains, and as ten seconds else. sizes: by place.
std::vector<double> chains_of(const JobGraph& graph, const JobResults& results, const std::vector<JobSize>& sizes,
                              const JobTimes& times);

/// Leaves the chains for workers, in `order.json` of the folder where the study's workers speak to each other. Throws
/// Error{io}.
void write_order(const std::filesystem::path& folder, const JobGraph& graph, const std::vector<double>& chains);

/// By place; jobs that are not named have 0. Empty where nobody left an order, or one that cannot be read: it is no
/// more than an order.
std::vector<double> read_order(const std::filesystem::path& folder, const JobGraph& graph);

}  // namespace quench::study
