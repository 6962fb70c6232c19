#pragma once

#include "graph/graph.h"
#include "nn/node_tensors.h"
#include "nn/qat_options.h"
#include "nn/range_groups.h"

namespace quench::nn {

/// Throws Error{config} naming the edge where a range that would train cannot train so, and where none would.
void require_learnable(const graph::Graph& graph, const RangeGroups& ranges, ActivationQuantizer kind);

/// Makes of a Graph's weights what options say: scales that train, DoReFa's leaves, or factors of a correction, beside
/// which only the biases of the same layers train. Throws Error{config} where no weight is quantized and an option
/// wants one, and for a correction of weights with one scale for several channels.
void learn_weights(const graph::Graph& graph, const QatOptions& options, WeightStore& store);

/// Freezes scales of weights that the Graph says are fixed, unless options say otherwise.
void keep_fixed_scales(const graph::Graph& graph, const QatOptions& options, WeightStore& store);

/// Says in the metadata what a later training makes of the scales (`weight_scales`: graph::has_fixed_weight_scales).
void note_weight_ranges(const QatOptions& options, graph::Graph& graph);

}  // namespace quench::nn
