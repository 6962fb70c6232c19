#pragma once

#include <string>

#include "graph/graph.h"
#include "prune/latency_cost.h"

namespace quench::cli {

/// Which channels of a model are cut together, what one channel of each group costs, and which are kept and why:
/// `format` is table, json or svg. latency_of: where set, also the predicted time of a channel, by the device that
/// `settings` (of config::prune_options) name; not with svg.
std::string info_groups(const graph::Graph& graph, const std::string& format, const prune::LatencyOf& latency_of = {},
                        const Json& settings = Json::object());

}  // namespace quench::cli
