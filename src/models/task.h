#pragma once

#include <string>

#include "graph/graph.h"

namespace quench::models {

/// What a model is for, as its metadata says: "classify" or "detect". "classify" where they say nothing.
std::string task_of(const graph::Graph& graph);

}  // namespace quench::models
