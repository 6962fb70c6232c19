#pragma once

#include <string>

#include "config/tables.h"
#include "devices/catalog.h"
#include "prune/latency_cost.h"

namespace quench::latency_table {

/// A model's latency by layers as devices/ forecasts it for a device that is not here, which works in blocks of
/// channels (devices/latency.h). Throws Error{config} for a runtime or threads that the device does not have,
/// Error{unsupported} where it cannot run such a model or a figure for the forecast is missing.
prune::Latency forecast_latency(const graph::Graph& graph, const devices::Device& device,
                                const devices::LatencyFit& fit, const config::LatencySettings& settings);

}  // namespace quench::latency_table
