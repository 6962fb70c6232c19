#pragma once

#include <vector>

#include "core/tensor.h"
#include "data/loading/loader.h"
#include "graph/graph.h"

namespace quench::quant {

/// The images of a batch, uint8 RGB [N,H,W,3]: the batch as it is, or, where images were letterboxed, each by itself
/// without the bars beside it.
///
/// A detector's canvas is square, and a quarter of it and more is bars of one gray. All values there are alike, so that
/// they round alike: means over places then tell of the bars, where no object can be, in place of the picture. What is
/// cut off are whole steps of `multiple` pixels, so that every map of the network has the places that it would have on
/// the canvas.
std::vector<Tensor> content_of(const data::Batch& batch, int multiple);

/// Pixels of the input to a place of the model's smallest output map; 1 for a model that has no maps for outputs.
int coarsest_step(const graph::Graph& graph);

}  // namespace quench::quant
