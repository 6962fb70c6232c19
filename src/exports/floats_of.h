#pragma once

#include <vector>

#include "graph/graph.h"

namespace quench::exports {

/// The scale of one output channel's weights (or of its bias). weight: quantized.
float scale_of(const graph::Weight& weight, size_t channel);

/// Weights or a bias as floats: as they are, or what the integers stand for.
std::vector<float> floats_of(const graph::Weight& weight);

}  // namespace quench::exports
