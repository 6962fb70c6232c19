#pragma once

#include <string>

#include "graph/graph.h"

namespace quench::cli {

/// Which channels of a model are cut together, what one channel of each group costs, and which are kept and why:
/// `format` is table, json or svg.
std::string info_groups(const graph::Graph& graph, const std::string& format);

}  // namespace quench::cli
