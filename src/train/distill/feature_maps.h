#pragma once

#include <vector>

#include "graph/graph.h"

namespace quench::train {

/// The last map with places of a classifier: [1,C,H,W], what is averaged over places for its scores.
/// Throws Error{unsupported} where no single chain of nodes leads from such a map to its output.
graph::EdgeId last_feature_map(const graph::Graph& graph);

/// The maps that the levels of a detector's head read, finest first: the nearest value that all outputs of a level are
/// computed of, by chains of nodes with one input. outputs_per_level: as models::DetectHead says.
/// Throws Error{unsupported} where there is none of the level's height and width.
std::vector<graph::EdgeId> level_feature_maps(const graph::Graph& graph, int64_t outputs_per_level);

/// A map of a model, and the one of its teacher that it learns from.
struct MapPair {
  graph::EdgeId student, teacher;
};

/// The maps of a model of a task that learns features, finest first, each with the teacher's. Both models are of one
/// task, and heads of both have the same levels. Throws Error{unsupported} where either model has no such maps,
/// Error{config} where the teacher's are of another height or width.
std::vector<MapPair> pairs_of_maps(const graph::Graph& student, const graph::Graph& teacher);

}  // namespace quench::train
