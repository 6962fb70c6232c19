#pragma once

#include "graph/graph.h"
#include "methods/chain.h"

namespace quench::steps {

/// Whether the settings of a step are to be held against its model: they name layers, or depend on their widths.
bool names_layers(const methods::ChainStep& step);

/// Holds the layers that a step's settings name against a model, before any work. Throws Error{config} for a pattern
/// that matches none, and for widths that cannot be. graph: the model in float; what steps before change of it are not
/// layers' names.
void check_layer_names(const methods::ChainStep& step, const graph::Graph& graph);

}  // namespace quench::steps
