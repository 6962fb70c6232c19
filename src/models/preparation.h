#pragma once

#include "graph/graph.h"
#include "pixels/preparation.h"

namespace quench::models {

/// How pictures are prepared for a classifier, as its metadata `preparation` says (pixels/preparation.h); quench's own
/// way where they say nothing, and for other tasks. Throws Error{data} where they say something else.
pixels::Preparation preparation_of(const graph::Graph& graph);

/// Says so in the metadata; of quench's own way, nothing.
void set_preparation(graph::Graph& graph, const pixels::Preparation& preparation);

}  // namespace quench::models
