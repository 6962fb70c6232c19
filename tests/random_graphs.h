#pragma once

#include "core/rng.h"
#include "graph/graph.h"

namespace quench::graph::samples {

/// A small verified graph, drawn from the seed: odd sizes, groups, strides, dilation, channel counts that are no
/// multiple of 4, concats and splits of each other's parts, several outputs; three of four are quantized (per channel
/// or tensor, uint8 or int8, some values left float, some parts sharing their whole's parameters). The same on every
/// processor.
Graph random_graph(uint64_t seed);

/// Gives a quantized layer float weights, and a float bias where it has one, -0.5 to 0.5.
void make_float(Graph& graph, const std::string& layer, Rng& rng);

/// Two quantized convolutions of 3 x 3 with 16 to 34 channels of random weights, on 7 to 13 pixels, the second in
/// floats where the seed is odd, and one of 1 x 1 in floats that reads bytes: what the engine does with wide layers alone. The same on every processor.
Graph wide_graph(uint64_t seed);

/// A batch for one of them.
Tensor random_images(const Graph& graph, uint64_t seed, int64_t images);

}  // namespace quench::graph::samples
