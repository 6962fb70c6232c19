#pragma once

#include <filesystem>
#include <functional>
#include <vector>

#include "core/cancel.h"
#include "core/log.h"
#include "latency_table/table.h"
#include "latency_table/timer.h"
#include "prune/latency_cost.h"

namespace quench::latency_table {

/// Measures what of these layers the table does not have: first the steps of the device, then each layer at its grid of
/// widths. save: called after each that is whole, so that what is cut off goes on from there.
void learn(Table& table, const std::vector<metrics::ShapedLayer>& layers, Timer& timer,
           const std::function<void()>& save, const LogSink& log, const CancelToken& cancel);

/// The table of a machine as its file has it; an empty one where there is no file, and, with a warning, where the file
/// is damaged or of another machine.
Table read_table(const std::filesystem::path& file, const Machine& machine, const LogSink& log);

/// A model's latency by layers, from the table that is kept in cache_folder (empty: nowhere); what the table lacks is
/// measured, by one process at a time: others wait for it (table_lock.h) and measure what it did not. The sum over
/// layers is scaled so that at full widths it is what the model takes as a whole, measured once too. machine.device is
/// the timer's.
prune::Latency measured_latency(const graph::Graph& graph, const Machine& machine, Timer& timer,
                                const std::filesystem::path& cache_folder, const LogSink& log,
                                const CancelToken& cancel);

}  // namespace quench::latency_table
