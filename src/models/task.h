#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "graph/graph.h"

namespace quench::models {

/// What a model is for, as its metadata says; the default task where they say nothing.
std::string task_of(const graph::Graph& graph);

/// Names of a model's classes, from its metadata; none where they have none. Throws Error{data} where that is no list
/// of texts, or one of another length than the scores of a classifier.
std::vector<std::string> class_names(const graph::Graph& graph);

/// Throws Error{data} where a model's scores on data of that task and these classes would mean nothing: another task,
/// or other classes. Models without class names (built by number of classes) have "0", "1", ...: these fit any names,
/// as many as they are.
void require_fit(const graph::Graph& graph, std::string_view task, const std::vector<std::string>& classes);

}  // namespace quench::models
