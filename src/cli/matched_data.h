#pragma once

#include "config/option.h"
#include "data/sets/dataset.h"
#include "graph/graph.h"
#include "program/command.h"

namespace quench::cli {

/// The data of a command's settings (study::open_data) with the classes of a model: matched by name, and as the file of
/// `class_map` says (data/sets/class_match.h). What was matched is told. Data of another task are left as they are.
/// pictures_do: where the data cannot be opened with their labels, the pictures of the folder or list stand in for
/// them.
data::Splits open_matched(const graph::Graph& model, const Json& settings, const program::Environment& environment,
                          bool pictures_do = false);

/// Likewise, with the pictures as the model wants them (data/sets/prepared.h): for what runs models itself, where steps
/// and evaluations prepare them (steps/step.h, inference/evaluate.h).
data::Splits open_prepared(const graph::Graph& model, const Json& settings, const program::Environment& environment,
                           bool pictures_do = false);

}  // namespace quench::cli
