#pragma once

#include "graph/graph.h"

namespace quench::graph::samples {

/// A small verified graph, drawn from the seed: odd sizes, groups, strides, dilation, channel counts that are no
/// multiple of 4, concats and splits of each other's parts, several outputs; three of four are quantized (per channel
/// or tensor, uint8 or int8, some values left float, some parts sharing their whole's parameters). The same on every
/// processor.
Graph random_graph(uint64_t seed);

/// A batch for it.
Tensor random_images(const Graph& graph, uint64_t seed, int64_t images);

}  // namespace quench::graph::samples
