#pragma once

#include <functional>

#include "core/json.h"
#include "core/log.h"
#include "graph/graph.h"
#include "prune/latency_cost.h"

namespace quench::prune {

class ImageScores;

/// Shows images to a criterion that looks at them (prune/image_scores.h). Returns what the file shall say of them.
using ShowImages = std::function<Json(ImageScores&)>;

/// A float model with fewer channels, as `settings` (values of config::prune_options()) say: an ordinary model that
/// trains, quantizes and runs as any other. Its metadata `pruned` (JSON) tell the criterion, the budget, and parameters
/// and MACs before and after. One line to `log`, and one for what stays whole by a pattern.
/// Throws Error{config} unless one budget is set, for what none can reach (the
/// nearest is said), for a pattern that matches nothing, and for a quantized model; Error{data} for weights that are
/// not finite. show_images is called once, after all other settings have been checked, where
/// config::criterion_reads_images; Error{config} where it is empty then. What it returns joins `pruned`.
/// latency_of is called once, for target_latency, after the checks that need no time; Error{config} where it is empty
/// then. `pruned` then tells the predicted latency before and after.
graph::Graph prune(const graph::Graph& graph, const Json& settings, const LogSink& log,
                   const ShowImages& show_images = {}, const LatencyOf& latency_of = {});

}  // namespace quench::prune
