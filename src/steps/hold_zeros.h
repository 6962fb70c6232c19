#pragma once

#include "graph/graph.h"
#include "train/loop/trainer.h"

namespace quench::steps {

/// What a training calls after each step, so that every weight of a sparse layer (graph/sparse_layers.h) that is zero
/// in `start` is zero again, whatever momentum and decay did; empty for a model without such layers.
train::AfterStep hold_zeros(const graph::Graph& start);

}  // namespace quench::steps
