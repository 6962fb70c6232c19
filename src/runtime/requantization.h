#pragma once

#include <string_view>

#include "graph/graph.h"

namespace quench::runtime {

/// Whether the file says (metadata `requantization: dyadic`) that sums of integers become bytes by integer factors.
bool has_dyadic_requantization(const graph::Graph& graph);

/// For runtimes that requantize by floats. Throws Error{unsupported} for a file that asks for integers.
void require_float_requantization(const graph::Graph& graph, std::string_view where);

}  // namespace quench::runtime
