#pragma once

#include "core/log.h"
#include "data/sets/dataset.h"
#include "graph/graph.h"

namespace quench::steps {

/// A float model whose batch norms were folded, with batch norms again that compute the same
/// (graph::unfold_batch_norms): their statistics are those of one pass over some of the training images, not augmented,
/// so that training starts from the function that the file has. A graph with batch norms, or without convolutions that
/// had one, and a quantized one come back as they are. Throws Error{data}, Error{unsupported} for an input that is not
/// square.
graph::Graph with_batch_norms(graph::Graph graph, const data::Dataset& train, const LogSink& log);

}  // namespace quench::steps
