#pragma once

#include "core/json.h"
#include "core/log.h"
#include "graph/graph.h"
#include "prune/image_criterion.h"
#include "prune/latency_cost.h"

namespace quench::prune {

/// What the metadata `pruned` of a file tell of each pruning that made it, oldest first: an array of objects. One that
/// tells a single object, as files did before, gives an array of it; without any, an empty one.
Json prunings(const graph::Graph& graph);

/// Throws what prune() of a model of this form would throw whatever its weights are: Error{config} for a budget that
/// cannot be meant or that `protect` and the limits put out of reach, and for a ratio where nothing can be cut.
/// settings: values of config::prune_options(). A latency is held against latency_of, and not at all where that is
/// empty.
void require_reachable(const graph::Graph& graph, const Json& settings, const LatencyOf& latency_of = {});

/// A float model with fewer channels, as `settings` (values of config::prune_options()) say: an ordinary model that
/// trains, quantizes and runs as any other. Its metadata `pruned` (prunings()) tell the criterion, the budget, and
/// parameters and MACs before and after, behind what they told of earlier prunings. One line to `log`, and one for what
/// stays whole by a pattern. Throws Error{config} unless one budget is set, for what none can reach (the nearest is
/// said), for a pattern that matches nothing, and for a quantized model; Error{data} for weights that are not finite.
/// show_images is called once, after all other settings have been checked, where config::criterion_reads_images;
/// Error{config} where it is empty then. What it returns joins `pruned`.
/// latency_of is called once, for target_latency, after the checks that need no time; Error{config} where it is empty
/// then. `pruned` then tells the predicted latency before and after.
graph::Graph prune(const graph::Graph& graph, const Json& settings, const LogSink& log,
                   const ShowImages& show_images = {}, const LatencyOf& latency_of = {});

}  // namespace quench::prune
